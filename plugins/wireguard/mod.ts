import { definePlugin } from "../../core/replay/plugin.ts";
import { Encryption } from "./encryption.ts";
import { wireguardOptions } from "./options.ts";
import { evolve, type WireguardState } from "./state.ts";

/** Transparent encryption between nodes by WireGuard, as Cilium sets it up or as a dump shows it. */
export default definePlugin({
  manifest: {
    name: "wireguard",
    version: "1.0.0",
    apiVersion: "v1",
    consumes: ["dump.loaded"],
    kinds: [],
    // After everything else at the wire: what leaves is what is encrypted.
    hooks: { encrypt: { hook: "to-wire", priority: 1_000 } },
    scope: "flow",
    models: [
      {
        claim: "which traffic is encrypted",
        source:
          "cilium/cilium Documentation/security/network/encryption-wireguard.rst",
      },
      {
        claim: "cryptokey routing by allowed addresses",
        source: "Linux drivers/net/wireguard/allowedips.c",
      },
      {
        claim: "bytes added to a packet",
        source: "Linux drivers/net/wireguard/send.c",
      },
    ],
  },
  options: wireguardOptions,
  initialState: (): WireguardState => ({ dumps: {} }),
  evolve,
  compile: (state: WireguardState, cluster, options) =>
    new Encryption(state, { cluster, options }),
  attach: (encryption) => ({
    encrypt: (packet, context) => encryption.leaveNode(packet, context),
  }),
});
