import { z } from "zod";

/** What the kernel stack may be told. */
export const optionsSchema = z.strictObject({
  /** Which of the kernel's two iptables the rules are given to. */
  backend: z.enum(["legacy", "nft"]).default("legacy"),
  /** Options of whoever makes the rules of nodes that have no dump. */
  rules: z.record(z.string(), z.unknown()).default({}),
}).prefault({});

/** The options with their defaults filled in. */
export type KernelOptions = z.infer<typeof optionsSchema>;
