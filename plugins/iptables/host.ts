import type { Node } from "../../core/cluster/model.ts";
import { Ip } from "../../core/packet/ip.ts";
import { linkName } from "../../core/replay/hook_context.ts";
import type { HookContext } from "../../core/replay/plugin.ts";

/** What a name in a rule means among the interfaces that are modelled. */
export interface InterfaceMatch {
  readonly test: (name: string) => boolean;
  /** Set when an interface that passes the test may still be another one. */
  readonly unknown: string | null;
}

/** What rules may ask of the host they run on. */
export interface Host {
  /** Whether the address is in the local routing table. */
  isLocal(ip: Ip): boolean;
  /** Whether the address is one of this interface's; undefined when that is not modelled. */
  isLocalTo(ip: Ip, interfaceName: string): boolean | undefined;
  /** Which interfaces `-i` and `-o` mean by a name. */
  interfaces(pattern: string): InterfaceMatch;
  /** Which interface an address is routed to; null: none. */
  linkTo(ip: Ip, context: HookContext): string | null;
  /** Whether a process takes what is sent to a port of this host; left out when that is not modelled. */
  listens?(protocol: number, port: number): boolean;
  /** Its links have no MAC addresses, and there is neither a bridge nor IPsec; not known unless it says so. */
  readonly bare?: boolean;
  /** Pods' links may be ports of a bridge; they are routed unless it says so. */
  readonly mayBridge?: boolean;
  /** net.netfilter.nf_conntrack_tcp_loose; on unless it says no. */
  readonly tracksMidstream?: boolean;
  /** First address of an interface; null without one, undefined when not modelled. */
  addressOf(interfaceName: string, family: 4 | 6): Ip | null | undefined;
}

const LOOPBACK = { 4: Ip.of("127.0.0.1"), 6: Ip.of("::1") } as const;

/** The interface that IPVS mode gives its addresses to. */
const DUMMY = "kube-ipvs0";

/** A node of a cluster: its addresses are on `eth0`, those of Services in IPVS mode on a dummy interface. */
export function nodeHost(node: Node, bound: readonly Ip[] = []): Host {
  const addresses = [...node.internalIps, ...node.externalIps];
  const dummy = new Set(bound.map(({ text }) => text));
  const first = (family: 4 | 6) =>
    addresses.find((ip) => ip.family === family) ?? null;
  const primary = { 4: first(4), 6: first(6) };
  return {
    linkTo: (ip, { cluster }) => {
      const pod = cluster.podAt(ip);
      if (pod !== undefined && pod.node === node.name) return linkName(pod);
      const own = addresses.some((one) => one.equals(ip)) ||
        dummy.has(ip.text);
      return own || ip.isLoopback ? "lo" : "eth0";
    },
    isLocal: (ip) => {
      if (ip.isLoopback) return true;
      for (let index = 0; index < addresses.length; index++) {
        if (addresses[index]!.equals(ip)) return true;
      }
      return dummy.size > 0 && dummy.has(ip.text);
    },
    isLocalTo: (ip, name) => {
      if (name === "lo") return ip.isLoopback;
      if (name === DUMMY) return dummy.has(ip.text);
      return name === "eth0" && addresses.some((own) => own.equals(ip));
    },
    interfaces: modelledInterfaces,
    addressOf: (name, family) =>
      name === "lo"
        ? LOOPBACK[family]
        : name === "eth0"
        ? primary[family]
        : undefined,
  };
}

/** Names that network plugins give to pods' links or to the bridge they hang on. */
const POD_LINK = /^(veth|cali|lxc|azv|gke|eni|cni0|cni\+|cbr0|kube-bridge)/;
const POD_BRIDGE = /^(cni0|cbr0|kube-bridge)$/;

/** Names of network cards, any of which the node's wire may have. */
const NETWORK_CARD = /^(en|em|eth|bond|team|wl|vlan)/;

/**
 * The engine knows `lo`, `eth0` for the wire, `veth…` for pods' links and the
 * interface of an overlay by its name; a dump calls pods' links as its network
 * plugin does, and the wire as the node's hardware does.
 */
export function modelledInterfaces(pattern: string): InterfaceMatch {
  const prefix = pattern.endsWith("+") ? pattern.slice(0, -1) : null;
  const same = namedInterface(pattern);
  if (same("eth0") || same("lo") || /^veth[0-9a-f]{8}$/.test(pattern)) {
    return { test: same, unknown: null };
  }
  if (POD_LINK.test(pattern)) {
    return {
      test: (name) => name.startsWith("veth"),
      unknown: prefix !== null || POD_BRIDGE.test(pattern)
        ? null
        : `which pod has interface ${pattern}`,
    };
  }
  return NETWORK_CARD.test(pattern)
    ? {
      test: (name) => name === "eth0",
      unknown: `whether interface ${pattern} is the node's wire`,
    }
    : { test: same, unknown: null };
}

/** The kernel's own reading: the name, or its beginning before a `+`. */
export function namedInterface(pattern: string): (name: string) => boolean {
  if (!pattern.endsWith("+")) return (name) => name === pattern;
  const prefix = pattern.slice(0, -1);
  return (name) => name.startsWith(prefix);
}
