import type { SetDump } from "../../core/import/ipset_save.ts";

/** The sets of IPVS mode and their types (pkg/proxy/ipvs/ipset.go, proxier.go `ipsetInfo`). */
const SETS = {
  loopback: ["KUBE-LOOP-BACK", "hash:ip,port,ip"],
  clusterIp: ["KUBE-CLUSTER-IP", "hash:ip,port"],
  externalIp: ["KUBE-EXTERNAL-IP", "hash:ip,port"],
  externalIpLocal: ["KUBE-EXTERNAL-IP-LOCAL", "hash:ip,port"],
  loadBalancer: ["KUBE-LOAD-BALANCER", "hash:ip,port"],
  loadBalancerFirewall: ["KUBE-LOAD-BALANCER-FW", "hash:ip,port"],
  loadBalancerLocal: ["KUBE-LOAD-BALANCER-LOCAL", "hash:ip,port"],
  loadBalancerSourceIp: ["KUBE-LOAD-BALANCER-SOURCE-IP", "hash:ip,port,ip"],
  loadBalancerSourceCidr: [
    "KUBE-LOAD-BALANCER-SOURCE-CIDR",
    "hash:ip,port,net",
  ],
  nodePortTcp: ["KUBE-NODE-PORT-TCP", "bitmap:port"],
  nodePortLocalTcp: ["KUBE-NODE-PORT-LOCAL-TCP", "bitmap:port"],
  nodePortUdp: ["KUBE-NODE-PORT-UDP", "bitmap:port"],
  nodePortLocalUdp: ["KUBE-NODE-PORT-LOCAL-UDP", "bitmap:port"],
  nodePortSctp: ["KUBE-NODE-PORT-SCTP-HASH", "hash:ip,port"],
  nodePortLocalSctp: ["KUBE-NODE-PORT-LOCAL-SCTP-HASH", "hash:ip,port"],
  healthCheck: ["KUBE-HEALTH-CHECK-NODE-PORT", "bitmap:port"],
  ipvsIps: ["KUBE-IPVS-IPS", "hash:ip"],
} as const;

/** One of the sets, by what it holds. */
export type KubeSet = keyof typeof SETS;

/** Names of sets have at most 31 characters (IPSET_MAXNAMELEN). */
const LONGEST_NAME = 31;

/** Both families have sets on one host, so those of IPv6 are called `KUBE-6-…`. */
export function setName(set: KubeSet, family: 4 | 6): string {
  const [name] = SETS[set];
  return family === 4
    ? name
    : `KUBE-6-${name.slice("KUBE-".length)}`.slice(0, LONGEST_NAME);
}

/** Gathers the entries of all sets of one family. */
export class KubeSets {
  readonly family: 4 | 6;
  readonly #entries = new Map<KubeSet, Set<string>>();

  constructor(family: 4 | 6) {
    this.family = family;
  }

  /** Dimensions as `ipset save` prints them: `10.96.0.1`, `tcp:80`. */
  add(set: KubeSet, ...dimensions: readonly string[]): void {
    let entries = this.#entries.get(set);
    if (entries === undefined) this.#entries.set(set, entries = new Set());
    entries.add(dimensions.join(","));
  }

  isEmpty(set: KubeSet): boolean {
    return !this.#entries.has(set);
  }

  /** Every entry with the name of its set. */
  *entries(): Generator<readonly [name: string, entry: string]> {
    for (const [set, entries] of this.#entries) {
      const name = setName(set, this.family);
      for (const entry of entries) yield [name, entry];
    }
  }

  /** All sets, empty ones too, as rules match them. */
  dumps(): SetDump[] {
    return (Object.keys(SETS) as KubeSet[]).map((set) => ({
      name: setName(set, this.family),
      type: SETS[set][1],
      family: this.family,
      options: [],
      entries: [...this.#entries.get(set) ?? []].map((entry) => ({
        parts: entry.split(","),
        nomatch: false,
      })),
    }));
  }
}
