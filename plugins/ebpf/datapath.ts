import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { Packet } from "../../core/packet/packet.ts";
import type { Party } from "../../core/policy/party.ts";
import { type Holder } from "../../core/policy/party_table.ts";
import { partyFor, type PolicyIndex } from "../../core/policy/policy_index.ts";
import { type CompiledPolicies, WORLD } from "./compile_policies.ts";
import { identityText } from "./labels.ts";
import type { HookContext, Overlay } from "../../core/replay/plugin.ts";
import type { Settings } from "./options.ts";
import type { ServiceMap } from "./service_map.ts";

/** Everything that is the same on all nodes. */
export interface Compiled {
  readonly settings: Settings;
  readonly cluster: ClusterView;
  readonly policies: CompiledPolicies;
  readonly services: ServiceMap;
  /** In tunnel mode, each node's device towards other nodes' pods. */
  readonly overlays: ReadonlyMap<string, Overlay>;
  /** Nodes by the addresses of those devices. */
  readonly hostDevices: ReadonlyMap<string, Holder>;
  /** Some rule looks into conversations, so connections may end at a proxy. */
  readonly inspects: boolean;
}

/** One node's datapath: what its programs share. */
export class NodeDatapath {
  readonly node: Node;
  readonly settings: Settings;
  readonly cluster: ClusterView;
  readonly services: ServiceMap;
  readonly index: PolicyIndex;
  readonly inspects: boolean;
  /** The address that masquerading and node port forwarding give, by family. */
  readonly address: Readonly<Record<4 | 6, Ip | undefined>>;
  /** In tunnel mode, the device towards other nodes' pods. */
  readonly overlay: Overlay | null;
  /** Nodes by the address of that device. */
  readonly #hostDevices: ReadonlyMap<string, Holder>;
  readonly #reservedOf: CompiledPolicies["reservedOf"];
  readonly #identities: string[] = [];

  constructor(compiled: Compiled, node: Node) {
    this.node = node;
    this.settings = compiled.settings;
    this.cluster = compiled.cluster;
    this.services = compiled.services;
    this.index = compiled.policies.index;
    this.inspects = compiled.inspects;
    this.#reservedOf = compiled.policies.reservedOf;
    const ofFamily = (family: 4 | 6) =>
      node.internalIps.find((ip) => ip.family === family) ??
        node.externalIps.find((ip) => ip.family === family);
    this.address = { 4: ofFamily(4), 6: ofFamily(6) };
    this.overlay = compiled.overlays.get(node.name) ?? null;
    this.#hostDevices = compiled.hostDevices;
  }

  /** Who has an address: `cilium_ipcache_v2` and `cilium_lxc` in one. */
  holderOf(ip: Ip): Holder {
    return this.index.holderOf(ip);
  }

  partyOf(holder: Holder): Party {
    return partyFor(holder, this.node.name);
  }

  /**
   * Who a packet is from: whom the tunnel header says, else whoever has the
   * address. The node's own address is not believed of what it forwards,
   * which may be someone else's behind a masquerade; such packets are the
   * world's (bpf/lib/identity.h, inherit_identity_from_host; bpf/bpf_host.c,
   * resolve_srcid_ipv4; cilium/cilium issues 19010, 23603).
   */
  senderOf({ source }: Packet, { tunnelId, owner }: HookContext): Party {
    if (tunnelId === IDENTITY.world) return this.#world(source.family);
    if (tunnelId !== null && tunnelId >= IDENTITY.firstPod) {
      return this.index.parties[tunnelId - IDENTITY.firstPod]!;
    }
    const holder = this.#hostDevices.get(source.text) ?? this.holderOf(source);
    return this.isOwn(holder) && owner === null
      ? this.#world(source.family)
      : this.partyOf(holder);
  }

  /** The source of what this node sends on to another under its own name. */
  forwardingAddress(family: 4 | 6): Ip | undefined {
    return this.overlay === null
      ? this.address[family]
      : this.overlay.addresses.find((ip) => ip.family === family);
  }

  #world(family: 4 | 6): Party {
    return this.index.outside(WORLD[family]);
  }

  /** The identity of a party in words. */
  identityOf(party: Party): string {
    return this.#identities[party.id] ??= identityText(
      party,
      this.#reservedOf(party),
    );
  }

  /** Whether an address is this node's own. */
  isOwn(holder: Holder): boolean {
    return holder.kind === "node" && holder.node.name === this.node.name;
  }

  /** Whether a pod of this node has it. */
  isLocalPod(holder: Holder): boolean {
    return holder.kind === "pod" && holder.pod.node === this.node.name;
  }
}

/** Numbers of reserved identities (pkg/identity/numericidentity.go), and the first of pods'. */
export const IDENTITY = {
  world: 2,
  remoteNode: 6,
  firstPod: 256,
} as const;

/** What a pod that reaches itself through its Service is seen as (ipv4-service-loopback-address and its twin). */
export const LOOPBACK: Readonly<Record<4 | 6, Ip>> = {
  4: Ip.of("169.254.42.1"),
  6: Ip.of("fe80::1"),
};

/** Marks of the proxy's packets (bpf/lib/common.h, MARK_MAGIC_PROXY_*). */
export const PROXY_MARK = { ingress: 0xa00, egress: 0xb00 } as const;
