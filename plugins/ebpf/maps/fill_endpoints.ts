import type { Node, Pod } from "../../../core/cluster/model.ts";
import type { ClusterView } from "../../../core/cluster/view.ts";
import { Cidr, type Ip } from "../../../core/packet/ip.ts";
import type { BpfMap } from "./bpf_map.ts";
import { newCiliumMap } from "./cilium_maps.ts";
import {
  ENDPOINT_FLAG,
  ENDPOINT_INFO,
  ENDPOINT_KEY,
  FAMILY_NUMBER,
  IPCACHE_KEY,
  IPCACHE_STATIC_BITS,
  REMOTE_ENDPOINT_INFO,
} from "./endpoint_layouts.ts";
import { addressBytes } from "./layout.ts";

/** Who an address is, by number. */
export interface IdentityNumbers {
  ofPod(pod: Pod): number;
  /** Its own agent sees it as the host. */
  ofNode(node: Node, as: "host" | "remote-node"): number;
  /** Prefixes that policies name, and the world's. */
  readonly prefixes: readonly (readonly [prefix: Cidr, identity: number])[];
}

/**
 * `cilium_ipcache_v2` of a node: pods, nodes and the prefixes that policies
 * name. Behind a tunnel, what is on another node has that node's address
 * beside it.
 */
export function fillIpcache(
  cluster: ClusterView,
  { node, numbers, tunnel }: {
    readonly node: string;
    readonly numbers: IdentityNumbers;
    readonly tunnel: boolean;
  },
): BpfMap {
  const map = newCiliumMap("cilium_ipcache_v2");
  const put = (prefix: Cidr, identity: number, owner: Node | undefined) => {
    const away = owner !== undefined && owner.name !== node && tunnel;
    const endpoint = away
      ? owner.internalIps.find(({ family }) => family === 4) ??
        owner.internalIps[0]
      : undefined;
    map.update(
      ipcacheKey(prefix),
      REMOTE_ENDPOINT_INFO.encode({
        sec_identity: identity,
        ...(endpoint === undefined ? {} : {
          ip6: addressBytes(endpoint),
          flag_has_tunnel_ep: 1,
          flag_ipv6_tunnel_ep: endpoint.family === 6 ? 1 : 0,
        }),
      }),
    );
  };
  for (const [prefix, identity] of numbers.prefixes) {
    put(prefix, identity, undefined);
  }
  for (const one of cluster.nodes.values()) {
    const as = one.name === node ? "host" : "remote-node";
    for (const ip of [...one.internalIps, ...one.externalIps]) {
      put(whole(ip), numbers.ofNode(one, as), undefined);
    }
  }
  for (const pod of cluster.pods.values()) {
    if (!pod.running || pod.hostNetwork) continue;
    const owner = cluster.nodes.get(pod.node);
    for (const ip of pod.ips) put(whole(ip), numbers.ofPod(pod), owner);
  }
  return map;
}

/**
 * `cilium_lxc` of a node: its pods, numbered in the order of their names, and
 * its own addresses. Interfaces and hardware addresses are none of a replay's.
 */
export function fillLxc(
  cluster: ClusterView,
  { node, numbers }: {
    readonly node: string;
    readonly numbers: IdentityNumbers;
  },
): BpfMap {
  const map = newCiliumMap("cilium_lxc");
  const own = cluster.nodes.get(node);
  for (const ip of own === undefined ? [] : own.internalIps) {
    map.update(
      endpointKey(ip),
      ENDPOINT_INFO.encode({ flags: ENDPOINT_FLAG.host }),
    );
  }
  const pods = cluster.podsOn(node).filter((pod) =>
    pod.running && !pod.hostNetwork
  );
  for (const [at, pod] of pods.entries()) {
    for (const ip of pod.ips) {
      map.update(
        endpointKey(ip),
        ENDPOINT_INFO.encode({
          lxc_id: (at + 1) & 0xffff,
          sec_id: numbers.ofPod(pod),
        }),
      );
    }
  }
  return map;
}

/** The key of a prefix; looked up with an address as its whole self. */
export function ipcacheKey({ base, length }: Cidr): Uint8Array {
  return IPCACHE_KEY.encode({
    lpm_key: IPCACHE_STATIC_BITS + length,
    family: FAMILY_NUMBER[base.family],
    ip6: addressBytes(base),
  });
}

function endpointKey(ip: Ip): Uint8Array {
  return ENDPOINT_KEY.encode({
    ip6: addressBytes(ip),
    family: FAMILY_NUMBER[ip.family],
  });
}

function whole(ip: Ip): Cidr {
  return new Cidr(ip, ip.family === 4 ? 32 : 128);
}
