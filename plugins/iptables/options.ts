import { z } from "zod";
import { Cidr } from "../../core/packet/ip.ts";

const cidr = z.string().refine((text) => Cidr.parse(text) !== undefined, {
  message: "must be an address range such as 10.244.0.0/16",
});

/** One range, or one of each family with a comma between, as kube-proxy's flag has it. */
const cidrPair = z.string().refine(
  (text) => text.split(",").every((part) => Cidr.parse(part) !== undefined),
  { message: "must be an address range, or one of each family: a,b" },
);

/** Schedulers of the kernel (net/netfilter/ipvs). */
const IPVS_SCHEDULERS = [
  "rr",
  "wrr",
  "lc",
  "wlc",
  "lblc",
  "lblcr",
  "sh",
  "dh",
  "sed",
  "nq",
  "fo",
  "ovf",
  "mh",
  "twos",
] as const;

/**
 * Options under the names of KubeProxyConfiguration, and of the rules that
 * stand beside kube-proxy's on a node.
 */
export const optionsSchema = z.strictObject({
  /** How kube-proxy programs the node. */
  mode: z.enum(["iptables", "nftables", "ipvs"]).default("iptables"),
  ipvs: z.strictObject({
    /** How IPVS picks among real servers; where others than rr and wrr have a choice, the pick is unknown. */
    scheduler: z.enum(IPVS_SCHEDULERS).default("rr"),
    /** Answers ARP for VIPs on no interface; ARP is not modelled. */
    strictARP: z.boolean().default(false),
    /** The chain that keeps VIPs from leading to the node's own processes: kube-proxy has it from v1.25 on. */
    accessFilter: z.boolean().default(true),
  }).prefault({}),
  /** Ranges that ClusterIPs are given from (ServiceCIDR objects), for nftables mode; without them, addresses that no Service has are not refused. */
  serviceCIDRs: z.array(cidr).default([]),
  /** Addresses of all pods; without it, derived from the nodes' podCIDRs. */
  clusterCIDR: cidrPair.optional(),
  /** Masquerades everything that is sent to a ClusterIP. */
  masqueradeAll: z.boolean().default(false),
  /** Serves node ports on 127.0.0.1 too. */
  localhostNodePorts: z.boolean().default(true),
  /** Serves node ports only on node addresses of these ranges. */
  nodePortAddresses: z.array(cidr).default([]),
  /** The bit of the mark that asks for masquerading. */
  masqueradeBit: z.number().int().min(0).max(31).default(14),
  /** How the cluster's own pods are told from other senders. */
  detectLocalMode: z.enum([
    "ClusterCIDR",
    "NodeCIDR",
    "BridgeInterface",
    "InterfaceNamePrefix",
  ]).default("ClusterCIDR"),
  detectLocal: z.strictObject({
    bridgeInterface: z.string().max(15).default(""),
    interfaceNamePrefix: z.string().max(14).default(""),
  }).prefault({}),
  /** The network plugin masquerades what pods send out of the cluster; by default when the cluster's range is known. */
  egressMasquerade: z.boolean().optional(),
  /** Destinations that keep the pod's address, as ip-masq-agent calls them; by default the cluster's range. */
  nonMasqueradeCIDRs: z.array(cidr).optional(),
  /** Whether dumps of a node are run in place of what would be generated for it. */
  dumps: z.enum(["run", "ignore"]).default("run"),
  /** Whether an agent on the node enforces NetworkPolicy; kube-proxy itself never does. */
  networkPolicy: z.enum(["none", "enforce"]).default("none"),
}).prefault({});

/** The options with their defaults filled in. */
export type IptablesOptions = z.infer<typeof optionsSchema>;
