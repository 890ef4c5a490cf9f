import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { Packet } from "../../core/packet/packet.ts";
import type { Party } from "../../core/policy/party.ts";
import { type Holder } from "../../core/policy/party_table.ts";
import { partyFor, type PolicyIndex } from "../../core/policy/policy_index.ts";
import type { IdentityWindow } from "./arrivals.ts";
import { type CompiledPolicies, WORLD } from "./compile_policies.ts";
import type { DnsNames } from "./dns_names.ts";
import { identityText } from "./labels.ts";
import type { Judgement } from "../../core/policy/judgement.ts";
import type { Connection } from "../../core/replay/conntrack.ts";
import { HostFirewall } from "./host_firewall.ts";
import type { HookContext, Overlay } from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import { IDENTITY, markedIdentity, ROLES } from "./identity.ts";
import type { MaglevTables } from "./maglev_pick.ts";
import type { NodeAddresses } from "./node_addresses.ts";
import type { Settings } from "./options.ts";
import type { LiveNode, LiveQuestion } from "./live/live_node.ts";
import type { LiveNodes } from "./live/live_nodes.ts";
import type { PolicyMapRoom } from "./policy_map_room.ts";
import type { Frontends, ServiceMap } from "./service_map.ts";
import { Tracker } from "./tracking.ts";

/** Everything that is the same on all nodes. */
export interface Compiled {
  /** What is not enforced or not modelled, and why. */
  readonly warnings: readonly string[];
  readonly settings: Settings;
  readonly cluster: ClusterView;
  readonly policies: CompiledPolicies;
  readonly services: ServiceMap;
  /** Whether entries of policies have room in the maps. */
  readonly room: PolicyMapRoom;
  /** Nodes of which dumps were loaded. */
  readonly live: LiveNodes;
  readonly names: DnsNames;
  /** Null: backends are picked at random. */
  readonly maglev: MaglevTables | null;
  /** Null: everyone's identity is known everywhere. */
  readonly window: IdentityWindow | null;
  /** In tunnel mode, each node's device towards other nodes' pods. */
  readonly overlays: ReadonlyMap<string, Overlay>;
  /** Nodes by the addresses of those devices. */
  readonly hostDevices: ReadonlyMap<string, Holder>;
  /** What the agents of all nodes have addresses for. */
  readonly nodeAddresses: ReadonlyMap<string, NodeAddresses>;
  /** Health endpoints and ingress proxies by address. */
  readonly roles: ReadonlyMap<string, Holder>;
  /** Some rule looks into conversations, so connections may end at a proxy. */
  readonly inspects: boolean;
  /** Identities in words by the party's number, as they are asked for. */
  readonly identities: string[];
}

/** One node's datapath: what its programs share. */
export class NodeDatapath {
  readonly node: Node;
  readonly settings: Settings;
  readonly cluster: ClusterView;
  readonly services: Frontends;
  /** What dumps say of the node; null without any. */
  readonly live: LiveNode | null;
  readonly names: DnsNames;
  readonly maglev: MaglevTables | null;
  readonly index: PolicyIndex;
  readonly inspects: boolean;
  /** The address that masquerading and node port forwarding give, by family. */
  readonly address: Readonly<Record<4 | 6, Ip | undefined>>;
  /** In tunnel mode, the device towards other nodes' pods. */
  readonly overlay: Overlay | null;
  /** What the node's ingress proxy sends to pods from, by family. */
  readonly ingressAddress: Readonly<Record<4 | 6, Ip | undefined>>;
  /** Null: policies are about pods alone. */
  readonly firewall: HostFirewall | null;
  readonly #roles: ReadonlyMap<string, Holder>;
  /** Nodes by the address of that device. */
  readonly #hostDevices: ReadonlyMap<string, Holder>;
  readonly #window: IdentityWindow | null;
  readonly #reservedOf: CompiledPolicies["reservedOf"];
  readonly #identities: string[];
  readonly #room: PolicyMapRoom;

  constructor(compiled: Compiled, node: Node) {
    this.node = node;
    this.settings = compiled.settings;
    this.cluster = compiled.cluster;
    this.live = compiled.live.of(node, this);
    this.services = this.live?.services ?? compiled.services;
    this.names = compiled.names;
    this.maglev = compiled.maglev;
    this.index = compiled.policies.index;
    this.#room = compiled.room;
    this.inspects = compiled.inspects;
    this.#identities = compiled.identities;
    this.#window = compiled.window;
    this.#reservedOf = compiled.policies.reservedOf;
    const ofFamily = (family: 4 | 6) =>
      node.internalIps.find((ip) => ip.family === family) ??
        node.externalIps.find((ip) => ip.family === family);
    this.address = { 4: ofFamily(4), 6: ofFamily(6) };
    this.overlay = compiled.overlays.get(node.name) ?? null;
    this.#hostDevices = compiled.hostDevices;
    this.#roles = compiled.roles;
    const own = compiled.nodeAddresses.get(node.name)?.ingress ?? [];
    const ingress = (family: 4 | 6) => own.find((ip) => ip.family === family);
    this.ingressAddress = { 4: ingress(4), 6: ingress(6) };
    this.firewall = this.#firewall();
  }

  #firewall(): HostFirewall | null {
    const own = this.address[4] ?? this.address[6];
    if (!this.settings.hostFirewall || own === undefined) return null;
    const holder = this.index.holderOf(own);
    return holder.kind === "node" ? new HostFirewall(this, holder.local) : null;
  }

  /** Who has an address: `cilium_ipcache_v2` and `cilium_lxc` in one. */
  holderOf(ip: Ip): Holder {
    const holder = this.index.holderOf(ip);
    if (holder.kind !== "outside" || this.#roles.size === 0) return holder;
    return this.#roles.get(ip.text) ?? holder;
  }

  partyOf(holder: Holder): Party {
    return partyFor(holder, this.node.name);
  }

  /** Whom a packet is for, by the address and, outside, the names it was looked up by. */
  receiverOf(
    holder: Holder,
    { destination, context, alive }: {
      readonly destination: Ip;
      readonly context: HookContext;
      /** The connection has been let through before. */
      readonly alive: boolean;
    },
  ): Party {
    if (this.#isUnknown(holder, destination, context)) {
      return this.#world(destination.family);
    }
    const party = this.partyOf(holder);
    if (holder.kind !== "outside" || this.names.none) return party;
    const names = this.names.of(destination, { context, alive });
    return names.length === 0 ? party : this.index.outside(party.prefix, names);
  }

  /** Who has an address to the pods of other nodes. */
  partyElsewhere(ip: Ip): Party {
    const holder = this.holderOf(ip);
    return holder.kind === "node" ? holder.remote : holder.party;
  }

  /**
   * Who a packet is from: whom the mark or the tunnel header says, else
   * whoever has the address. The node's own address is not believed of what it forwards,
   * which may be someone else's behind a masquerade; such packets are the
   * world's (bpf/lib/identity.h, inherit_identity_from_host; bpf/bpf_host.c,
   * resolve_srcid_ipv4; cilium/cilium issues 19010, 23603). A client whose
   * address direct server return has kept is whoever has it (cilium/cilium PR
   * 29155).
   */
  senderOf(
    { source, mark, option }: Packet,
    { tunnelId, owner, nowNs }: HookContext,
  ): Party {
    const tunnelled = option == null ? tunnelId ?? 0 : 0;
    const number = (mark === 0 ? 0 : markedIdentity(mark)) || tunnelled;
    if (number === IDENTITY.world) return this.#world(source.family);
    if (number >= IDENTITY.firstPod) {
      return this.index.parties[number - IDENTITY.firstPod]!;
    }
    const role = ROLES[number];
    if (role !== undefined) return this.index.role(role);
    const holder = this.#hostDevices.get(source.text) ?? this.holderOf(source);
    return this.isOwn(holder) && owner === null ||
        this.#isUnknown(holder, source, { nowNs })
      ? this.#world(source.family)
      : this.partyOf(holder);
  }

  /** What policies say of a packet of one of the node's pods. */
  judge(subject: Party, question: LiveQuestion): Judgement {
    if (this.live !== null) return this.live.judge(subject, question);
    return this.#room.insteadFor(subject) ??
      this.index.judgeParties(subject, question);
  }

  /** Looks packets up in the node's connection tracking. */
  tracker(): Tracker {
    return new Tracker(this.live?.connections ?? null);
  }

  /** What translates an answer of a Service's back; null: nothing does. */
  reverse(connection: Connection): Rule | null {
    const found = this.live?.services?.reverse(connection.original);
    return found === undefined ? REVERSE : found;
  }

  /** A pod of another node, whose identity has not come round yet. */
  #isUnknown(
    holder: Holder,
    ip: Ip,
    { nowNs }: Pick<HookContext, "nowNs">,
  ): boolean {
    return this.#window !== null && holder.kind === "pod" &&
      holder.pod.node !== this.node.name && this.#window.has(ip, nowNs);
  }

  /** The other node that what has this source comes from; undefined when that cannot be told. */
  nodeBehind(source: Ip): Party | undefined {
    const holder = this.#hostDevices.get(source.text) ?? this.holderOf(source);
    if (holder.kind === "node") return this.partyOf(holder);
    const node = holder.kind === "pod"
      ? this.cluster.nodes.get(holder.pod.node)
      : undefined;
    const [address] = [...node?.internalIps ?? [], ...node?.externalIps ?? []];
    return address && this.partyOf(this.index.holderOf(address));
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

  /** The identity, in words, that the node takes a party with an address for. */
  identityAt(party: Party, ip: Ip): string {
    const seen = this.live === null ? party : this.live.seen(party, ip);
    return typeof seen === "number"
      ? `identity ${seen}`
      : this.identityOf(seen);
  }

  /** Whether a proxy of this node may have a pod's or an ingress address as its own. */
  get endsAtProxies(): boolean {
    const { 4: v4, 6: v6 } = this.ingressAddress;
    return this.inspects || v4 !== undefined || v6 !== undefined;
  }

  /** Whether an address is this node's own. */
  isOwn(holder: Holder): boolean {
    return holder.kind === "node" && holder.node.name === this.node.name;
  }

  /** Whether a pod of this node has it. */
  isLocalPod(holder: Holder): boolean {
    return holder.kind === "pod" && holder.node === this.node.name;
  }
}

const REVERSE: Rule = { name: "cilium_lb4_reverse_nat" };

/** What a pod that reaches itself through its Service is seen as (ipv4-service-loopback-address and its twin). */
export const LOOPBACK: Readonly<Record<4 | 6, Ip>> = {
  4: Ip.of("169.254.42.1"),
  6: Ip.of("fe80::1"),
};
