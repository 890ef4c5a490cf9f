import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { Cidr } from "../../core/packet/ip.ts";
import type { Packet } from "../../core/packet/packet.ts";
import type { Action, HookContext, Route } from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import { DumpedPeers } from "./dumped_peers.ts";
import type { WireguardOptions } from "./options.ts";
import { overheadBytes } from "./overhead.ts";
import type { WireguardState } from "./state.ts";

type Wire = Extract<Route, { kind: "wire" }>;

/** Which packets of a cluster are encrypted on their way to another node. */
export class Encryption {
  readonly #cluster: ClusterView;
  readonly #options: WireguardOptions;
  readonly #strict: Cidr | null;
  readonly #dumps: ReadonlyMap<string, DumpedPeers>;

  constructor(
    state: WireguardState,
    { cluster, options }: {
      readonly cluster: ClusterView;
      readonly options: WireguardOptions;
    },
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#strict = options.strict === undefined
      ? null
      : Cidr.of(options.strict.cidr);
    this.#dumps = new Map(
      Object.entries(state.dumps).map(([node, peers]) => [
        node,
        new DumpedPeers(peers),
      ]),
    );
  }

  /** What happens to a packet that is about to leave a node; undefined: it leaves as it is. */
  leaveNode(packet: Packet, context: HookContext): Action | undefined {
    const { node, route } = context;
    const dump = this.#dumps.get(node.name) ?? this.#dumps.get("*");
    if (dump !== undefined) return this.#byDump(packet, dump);
    if (route?.kind !== "wire") return undefined;
    const rule = this.#reason(packet, { route, context });
    if (rule === undefined) return this.#refusePlain(packet);
    return this.#encrypt(packet, {
      rule,
      outer: route.node?.internalIps[0]?.family ?? 4,
    });
  }

  /** Cryptokey routing: whatever a peer's allowed addresses take in goes to it, and nothing else. */
  #byDump(packet: Packet, dump: DumpedPeers): Action | undefined {
    const peer = dump.find(packet.destination);
    if (peer === undefined) return this.#refusePlain(packet);
    const { endpoint, rule } = peer;
    return endpoint === null
      ? {
        kind: "reject",
        with: "icmp-unreachable",
        reason: "no endpoint of the peer is known",
        rule,
      }
      : this.#encrypt(packet, { rule, outer: endpoint.family });
  }

  /**
   * The row of Cilium's table "Which traffic is encrypted" that takes a packet
   * in (Documentation/security/network/encryption-wireguard.rst). It goes by
   * the addresses that the packet leaves with, so what was translated before
   * decides: a source that became the node's is no pod's any more.
   */
  #reason(
    packet: Packet,
    { route, context }: { readonly route: Wire; readonly context: HookContext },
  ): Rule | undefined {
    const cluster = this.#cluster;
    if (route.node === null) return undefined;
    const toPod = cluster.isPodAddress(packet.destination);
    const fromHost = isFromHost(packet, context);
    const fromPod = !fromHost && cluster.isPodAddress(packet.source);
    if (fromPod && toPod) return POD_TO_POD;
    if (route.overlaid && toPod && !fromHost) return OVERLAY;
    const ends =
      (fromHost || fromPod || cluster.nodeAt(packet.source) !== undefined) &&
      (toPod || cluster.nodeAt(packet.destination) !== undefined);
    return this.#options.nodeEncryption && ends &&
        !this.#optsOut(context.node) &&
        !this.#optsOut(route.node)
      ? NODE_ENCRYPTION
      : undefined;
  }

  #optsOut(node: Node): boolean {
    const { optOutLabel } = this.#options;
    return optOutLabel !== "" && Object.hasOwn(node.labels, optOutLabel);
  }

  #encrypt(
    packet: Packet,
    { rule, outer }: { readonly rule: Rule; readonly outer: 4 | 6 },
  ): Action {
    const { mtuBytes } = this.#options;
    return {
      kind: "encrypt",
      by: "wireguard",
      overheadBytes: overheadBytes(packet.lengthBytes, { outer, mtuBytes }),
      rule,
    };
  }

  #refusePlain(packet: Packet): Action | undefined {
    const strict = this.#strict;
    return strict?.contains(packet.source) &&
        strict.contains(packet.destination)
      ? { kind: "drop", reason: "UNENCRYPTED_TRAFFIC", rule: STRICT }
      : undefined;
  }
}

/**
 * Whether a packet has the address of the interface it leaves by. That of an
 * overlay's interface lies in the range of the node's pods and is still the
 * node's own.
 */
function isFromHost({ source }: Packet, context: HookContext): boolean {
  return context.outAddress(source.family)?.equals(source) === true;
}

const POD_TO_POD: Rule = { name: "wireguard pod to remote pod" };
const OVERLAY: Rule = { name: "wireguard overlay traffic to remote pod" };
const NODE_ENCRYPTION: Rule = { name: "wireguard node encryption" };
const STRICT: Rule = { name: "wireguard strict mode" };
