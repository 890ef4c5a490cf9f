import type { Plugin } from "../../core/replay/plugin.ts";
import ebpf from "../../plugins/ebpf/mod.ts";
import gateway from "../../plugins/gateway/mod.ts";
import iptables from "../../plugins/iptables/mod.ts";
import mesh from "../../plugins/mesh/mod.ts";
import wireguard from "../../plugins/wireguard/mod.ts";

/** A plugin of any types, as stacks hold it. */
export type AnyPlugin = Plugin<never, never, never, string>;

/** The plugins that come with Plumbline, by name. */
export const PLUGINS: Readonly<Record<string, AnyPlugin>> = Object.fromEntries(
  [ebpf, gateway, iptables, mesh, wireguard].map((plugin) => [
    plugin.manifest.name,
    plugin as unknown as AnyPlugin,
  ]),
);
