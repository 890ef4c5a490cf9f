import type { Node } from "../../core/cluster/model.ts";
import type { Cidr } from "../../core/packet/ip.ts";
import type { KubeProxySettings } from "./kube_proxy_settings.ts";
import {
  type NftMapName,
  type NftPart,
  type NftRule,
  nftRule,
} from "./nft_rule.ts";
import { match, option, type RuleParts } from "./rule_builder.ts";

/** How base chains hook in, and what others say of themselves. */
export const NFT_CHAINS: ReadonlyMap<string, string> = new Map([
  [
    "filter-prerouting-pre-dnat",
    "type filter hook prerouting priority -110",
  ],
  ["filter-output-pre-dnat", "type filter hook output priority -110"],
  ["filter-forward", "type filter hook forward priority 0"],
  ["filter-input", "type filter hook input priority 0"],
  ["filter-output", "type filter hook output priority 0"],
  ["nat-output", "type nat hook output priority -100"],
  ["nat-postrouting", "type nat hook postrouting priority 100"],
  ["nat-prerouting", "type nat hook prerouting priority -100"],
  [
    "reject-chain",
    'comment "helper for @no-endpoint-services / @no-endpoint-nodeports"',
  ],
]);

const SERVICE_KEY = "ADDR . inet_proto . inet_service : verdict";
const PORT_KEY = "inet_proto . inet_service : verdict";

/** Sets and maps that are always there. */
export const NFT_SETS = [
  {
    kind: "set",
    name: "cluster-ips",
    type: "ADDR",
    comment: "Active ClusterIPs",
  },
  {
    kind: "set",
    name: "nodeport-ips",
    type: "ADDR",
    comment: "IPs that accept NodePort traffic",
  },
  {
    kind: "map",
    name: "firewall-ips",
    type: SERVICE_KEY,
    comment: "destinations that are subject to LoadBalancerSourceRanges",
  },
  {
    kind: "map",
    name: "no-endpoint-nodeports",
    type: PORT_KEY,
    comment:
      "vmap to drop or reject packets to service nodeports with no endpoints",
  },
  {
    kind: "map",
    name: "no-endpoint-services",
    type: SERVICE_KEY,
    comment: "vmap to drop or reject packets to services with no endpoints",
  },
  {
    kind: "map",
    name: "service-ips",
    type: SERVICE_KEY,
    comment: "ClusterIP, ExternalIP and LoadBalancer IP traffic",
  },
  {
    kind: "map",
    name: "service-nodeports",
    type: PORT_KEY,
    comment: "NodePort traffic",
  },
] as const;

/** What nftables mode is told beyond the other modes. */
export interface NftSettings extends KubeProxySettings {
  /** Ranges that ClusterIPs are given from; empty: not known. */
  readonly serviceCidrs: readonly Cidr[];
}

/** `ip` or `ip6`, as expressions name the header. */
export function headerName(family: 4 | 6): string {
  return family === 4 ? "ip" : "ip6";
}

/** Everything that does not depend on Services (pkg/proxy/nftables/proxier.go, `setupNFTables`). */
export function nftBase(node: Node, settings: NftSettings): NftPart {
  const chains = new Map<string, readonly NftRule[]>();
  checkChains(chains, settings);
  hookChains(chains);
  natChains(chains, settings);
  return {
    chains,
    elements: [],
    members: nodePortIps(node, settings).map((ip) => ["nodeport-ips", ip]),
    affinity: new Map(),
  };
}

/** Chains that refuse. */
function checkChains(
  chains: Map<string, readonly NftRule[]>,
  { family, serviceCidrs }: NftSettings,
): void {
  const ip = headerName(family);
  const ranges = serviceCidrs.filter(({ base }) => base.family === family);
  chains.set("cluster-ips-check", [
    nftRule(
      `${ip} daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"`,
      { destinationIn: "cluster-ips", action: { kind: "reject" } },
    ),
    ...ranges.map(({ text }) =>
      nftRule(
        `${ip} daddr { ${text} } drop comment "Drop traffic to unallocated ClusterIPs"`,
        {
          header: { destination: { value: text, negated: false } },
          action: { kind: "drop" },
        },
      )
    ),
  ]);
  chains.set("firewall-check", [byService("firewall-ips", ip)]);
  chains.set("service-endpoints-check", [
    byService("no-endpoint-services", ip),
  ]);
  chains.set("nodeport-endpoints-check", [
    byNodePort("no-endpoint-nodeports", ip),
  ]);
  chains.set("reject-chain", [
    nftRule("reject", { action: { kind: "reject" } }),
  ]);
}

const IF_NEW: RuleParts = {
  matches: [match("conntrack", option("ctstate", "NEW"))],
};

function hookChains(chains: Map<string, readonly NftRule[]>): void {
  const ifNew = (chain: string) =>
    nftRule(`ct state new jump ${chain}`, {
      header: IF_NEW,
      action: { kind: "jump", chain },
    });
  const firewall = [ifNew("firewall-check")];
  const checks = [
    ifNew("service-endpoints-check"),
    ifNew("cluster-ips-check"),
  ];
  chains.set("filter-prerouting-pre-dnat", firewall);
  chains.set("filter-output-pre-dnat", firewall);
  chains.set("filter-forward", checks);
  chains.set("filter-input", [
    ifNew("nodeport-endpoints-check"),
    ifNew("service-endpoints-check"),
  ]);
  chains.set("filter-output", checks);
}

function natChains(
  chains: Map<string, readonly NftRule[]>,
  { family, masqueradeMark, randomFully }: NftSettings,
): void {
  const ip = headerName(family);
  const mark = `0x${masqueradeMark.toString(16)}`;
  const services = [
    nftRule("jump services", { action: { kind: "jump", chain: "services" } }),
  ];
  chains.set("nat-prerouting", services);
  chains.set("nat-output", services);
  chains.set("nat-postrouting", [
    nftRule("jump masquerading", {
      action: { kind: "jump", chain: "masquerading" },
    }),
  ]);
  chains.set("services", [
    byService("service-ips", ip),
    byNodePort("service-nodeports", ip),
  ]);
  chains.set("mark-for-masquerade", [
    nftRule(`mark set mark or ${mark}`, {
      action: { kind: "mark", xmark: `${mark}/${mark}` },
    }),
  ]);
  chains.set("masquerading", [
    nftRule(`mark and ${mark} == 0 return`, {
      header: {
        matches: [
          match("mark", {
            name: "mark",
            negated: true,
            values: [`${mark}/${mark}`],
          }),
        ],
      },
      action: { kind: "return" },
    }),
    nftRule(`mark set mark xor ${mark}`, {
      action: { kind: "mark", xmark: `${mark}/0x0` },
    }),
    nftRule(`masquerade${randomFully ? " fully-random" : ""}`, {
      action: { kind: "masquerade" },
    }),
  ]);
}

function byService(map: NftMapName, ip: string): NftRule {
  return nftRule(`${ip} daddr . meta l4proto . th dport vmap @${map}`, {
    action: { kind: "verdict", map },
  });
}

function byNodePort(map: NftMapName, ip: string): NftRule {
  return nftRule(
    `${ip} daddr @nodeport-ips meta l4proto . th dport vmap @${map}`,
    { destinationIn: "nodeport-ips", action: { kind: "verdict", map } },
  );
}

/** The node's primary address, unless ranges are given; never a loopback address. */
function nodePortIps(
  node: Node,
  { family, nodePortAddresses }: NftSettings,
): readonly string[] {
  const own = [...node.internalIps, ...node.externalIps]
    .filter((ip) => ip.family === family);
  if (nodePortAddresses === null) {
    return own.slice(0, 1).map(({ text }) => text);
  }
  return own.filter((ip) =>
    nodePortAddresses.some((range) => range.contains(ip))
  ).map(({ text }) => text);
}
