import { z } from "zod";
import { Cidr } from "../../core/packet/ip.ts";

const prefix = z.string().refine((text) => Cidr.parse(text) !== undefined, {
  message: "expected an address prefix such as 10.244.0.0/16",
});

/** Schema of the options; the defaults are those of Cilium's `encryption.type=wireguard`. */
export const wireguardOptions = z.strictObject({
  /** Traffic from and to nodes themselves is encrypted too. */
  nodeEncryption: z.boolean().default(false),
  /** Nodes with this label take no part in node encryption; empty: all do. */
  optOutLabel: z.string().default("node-role.kubernetes.io/control-plane"),
  /** MTU of the WireGuard interface; padding never goes beyond it. */
  mtuBytes: z.int().min(576).max(65_535).default(1420),
  /** Drops what would leave in plain text between addresses of the prefix. */
  strict: z.strictObject({ cidr: prefix }).optional(),
}).prefault({});

/** The options with their defaults filled in. */
export type WireguardOptions = z.infer<typeof wireguardOptions>;
