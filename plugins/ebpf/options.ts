import { z } from "zod";
import { nearest } from "../../core/errors.ts";
import { Cidr } from "../../core/packet/ip.ts";
import type { MaglevSettings } from "./maglev_pick.ts";
import { contradictions } from "./contradictions.ts";
import { MAGLEV_DEFAULTS, MAGLEV_SIZES } from "./maps/lb/maglev.ts";
import { compareText } from "../../core/policy/compare_text.ts";

const flag = z.union([
  z.boolean(),
  z.enum(["true", "false"]).transform((text) => text === "true"),
]);

/** Helm accepts one mode or a list of them. */
const modes = z.union([
  z.literal("").transform((): "nodes"[] => []),
  z.enum(["nodes"]).transform((mode): "nodes"[] => [mode]),
  z.array(z.enum(["nodes"])),
]);

const prefix = z.string().refine((text) => Cidr.parse(text) !== undefined, {
  error: "must be a prefix such as 10.0.0.0/8",
});

/** A list, or its members between blanks or commas as in a ConfigMap. */
const prefixes = z.union([
  z.string().transform((text) => text.split(/[\s,]+/).filter(Boolean)).pipe(
    z.array(prefix),
  ),
  z.array(prefix),
  z.null().transform((): string[] => []),
]);

const groups = {
  socketLB: z.looseObject({
    enabled: flag.optional(),
    hostNamespaceOnly: flag.default(false),
  }),
  bpf: z.looseObject({
    masquerade: flag.default(false),
    hostLegacyRouting: flag.default(false),
    lbExternalClusterIP: flag.default(false),
    lbModeAnnotation: flag.default(false),
    lbSourceRangeAllTypes: flag.default(false),
    // The agent's own bounds (pkg/option, PolicyMapMin and PolicyMapMax).
    policyMapMax: z.coerce.number().int().min(256).max(65_536).default(16_384),
  }),
  loadBalancer: z.looseObject({
    algorithm: z.enum(["random", "maglev"]).default("random"),
    mode: z.enum(["snat", "dsr", "hybrid"]).default("snat"),
    dsrDispatch: z.enum(["opt", "ipip", "geneve"]).default("opt"),
    acceleration: z.enum(["native", "best-effort", "disabled"]).default(
      "disabled",
    ),
    serviceNoBackendResponse: z.enum(["reject", "drop"]).default("reject"),
  }),
  nodePort: z.looseObject({
    range: z.string().regex(/^\d{1,5},\d{1,5}$/).default("30000,32767"),
  }),
  endpointRoutes: z.looseObject({ enabled: flag.default(false) }),
  ingressController: z.looseObject({ enabled: flag.default(false) }),
  gatewayAPI: z.looseObject({ enabled: flag.default(false) }),
  envoyConfig: z.looseObject({ enabled: flag.default(false) }),
  maglev: z.looseObject({
    tableSize: z.coerce.number().refine(
      (size) => MAGLEV_SIZES.some((one) => one === size),
      { error: `must be one of ${MAGLEV_SIZES.join(", ")}` },
    ).default(MAGLEV_DEFAULTS.size),
    hashSeed: z.string().regex(/^[A-Za-z0-9+/]{16}$/, {
      error: "must be twelve bytes in base64",
    }).default(MAGLEV_DEFAULTS.seed),
  }),
  dnsProxy: z.looseObject({
    minTtl: z.union([z.literal(""), z.coerce.number().int().min(0)]).default(
      "",
    ),
  }),
  clustermesh: z.looseObject({
    policyDefaultLocalCluster: flag.optional(),
  }),
  cluster: z.looseObject({ name: z.string().default("default") }),
  hostFirewall: z.looseObject({ enabled: flag.default(false) }),
  localRedirectPolicies: z.looseObject({
    enabled: flag.default(false),
    addressMatcherCIDRs: prefixes.default([]),
  }),
} as const;

/** Helm values that are modelled, under their own names; others may stand beside them. */
const values = z.looseObject({
  kubeProxyReplacement: flag.default(false),
  enableIPv4Masquerade: flag.default(true),
  enableIPv6Masquerade: flag.default(true),
  enableRemoteNodeMasquerade: flag.default(false),
  ipv4NativeRoutingCIDR: z.union([z.literal(""), prefix]).default(""),
  ipv6NativeRoutingCIDR: z.union([z.literal(""), prefix]).default(""),
  policyEnforcementMode: z.enum(["default", "always", "never"]).default(
    "default",
  ),
  policyCIDRMatchMode: modes.default([]),
  routingMode: z.enum(["native", "tunnel"]).default("native"),
  tunnelProtocol: z.enum(["vxlan", "geneve"]).default("vxlan"),
  sessionAffinity: flag.default(false),
  l7Proxy: flag.default(true),
  socketLB: groups.socketLB.prefault({}),
  bpf: groups.bpf.prefault({}),
  loadBalancer: groups.loadBalancer.prefault({}),
  nodePort: groups.nodePort.prefault({}),
  endpointRoutes: groups.endpointRoutes.prefault({}),
  ingressController: groups.ingressController.prefault({}),
  gatewayAPI: groups.gatewayAPI.prefault({}),
  envoyConfig: groups.envoyConfig.prefault({}),
  maglev: groups.maglev.prefault({}),
  dnsProxy: groups.dnsProxy.prefault({}),
  clustermesh: groups.clustermesh.prefault({}),
  policyAuditMode: flag.default(false),
  endpointLockdownOnMapOverflow: flag.default(false),
  /** What releases before 1.18 call localRedirectPolicies.enabled. */
  localRedirectPolicy: flag.default(false),
  hostFirewall: groups.hostFirewall.prefault({}),
  nodeSelectorLabels: flag.default(false),
  localRedirectPolicies: groups.localRedirectPolicies.prefault({}),
  cluster: groups.cluster.prefault({}),
});

/** Helm values, checked one by one. */
export type Values = z.infer<typeof values>;

/** Options: a release and the Helm values it was installed with. */
export const optionsSchema = z.strictObject({
  version: z.string().regex(/^1\.\d{1,2}(\.\d{1,3})?$/).default("1.18"),
  values: values.prefault({}),
  /** Policies that are told, not enforced; Cilium itself knows all or none. */
  audit: z.strictObject({
    namespaces: z.array(z.string()).default([]),
    /** `CiliumNetworkPolicy shop/deny-all`, as rules name them. */
    policies: z.array(z.string()).default([]),
  }).prefault({}),
  /** Whether dumps of a node's maps are run in place of what would be computed for it. */
  dumps: z.enum(["run", "ignore"]).default("run"),
  /** The ConfigMap cilium-config on the tape counts in place of the values. */
  fromConfigMap: flag.default(false),
  /** Whether DNS answers on the tape count as learnt, or only those asked for through a DNS rule. */
  dnsAnswers: z.enum(["assumed", "asked"]).default("assumed"),
  /** How long other nodes take a pod that appears for the world; ours, as no agent sets it. */
  identityDelayMs: z.number().int().min(0).max(3_600_000).default(0),
}).prefault({}).superRefine(({ version, values }, context) => {
  for (const { path, message } of contradictions(values, minorOf(version))) {
    context.addIssue({ code: "custom", path: ["values", ...path], message });
  }
});

export type Options = z.infer<typeof optionsSchema>;

function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}

/** What options mean, checked, with everything left out at its default. */
export function settingsFrom(options: unknown): Settings {
  return settingsOf(optionsSchema.parse(options));
}

/** How what comes off the wire gets to another node's backend. */
export interface Forwarding {
  /** `hybrid`: TCP as in `dsr`, the rest as in `snat`. */
  readonly mode: "snat" | "dsr" | "hybrid";
  /** How that node learns which address it is to answer from. */
  readonly dispatch: "opt" | "ipip" | "geneve";
  /** A Service may choose by its annotation. */
  readonly annotated: boolean;
}

/** The options as the datapath is compiled with them. */
export interface Settings {
  /** Minor release of 1.x. */
  readonly minor: number;
  readonly kubeProxyReplacement: boolean;
  /** Whose connect() is translated. */
  readonly socketLb: "off" | "host" | "all";
  readonly sessionAffinity: boolean;
  readonly externalClusterIp: boolean;
  /** A load balancer's source ranges hold for its node ports too. */
  readonly rangesForAll: boolean;
  /** Null: backends are picked at random. */
  readonly maglev: MaglevSettings | null;
  readonly noBackend: "reject" | "drop";
  readonly forwarding: Forwarding;
  /** Node ports are served by XDP, before there is a packet buffer. */
  readonly xdp: boolean;
  readonly nodePorts: { readonly from: number; readonly to: number };
  /** CiliumLocalRedirectPolicy counts. */
  readonly localRedirect: boolean;
  /** Addresses that it may name; none: all. */
  readonly redirectRanges: readonly Cidr[];
  /** How packets of pods that leave the cluster get the node's address. */
  readonly masquerade: "off" | "bpf" | "iptables";
  readonly masquerade6: boolean;
  readonly masquerade4: boolean;
  readonly remoteNodeMasquerade: boolean;
  readonly nativeRouting: readonly Cidr[];
  /** Netfilter is bypassed between pod and wire. */
  readonly hostRouting: boolean;
  /** Netfilter is not bypassed between pods of a node. */
  readonly endpointRoutes: boolean;
  readonly tunnel: "vxlan" | "geneve" | null;
  readonly enforcement: "default" | "always" | "never";
  readonly cidrsMatchNodes: boolean;
  /** Entries of an endpoint's policy map. */
  readonly policyMapMax: number;
  /** An endpoint whose entries have no room is cut off. */
  readonly lockdown: boolean;
  readonly l7Proxy: boolean;
  /** Policies of nodes are enforced. */
  readonly hostFirewall: boolean;
  /** Rules may name other nodes by their labels. */
  readonly nodeLabels: boolean;
  /** Nodes have an address for the proxy of Ingresses and Gateways. */
  readonly ingress: boolean;
  readonly clusterName: string;
  /** Selectors that name no cluster mean this one. */
  readonly localByDefault: boolean;
  readonly audit: {
    readonly all: boolean;
    readonly namespaces: readonly string[];
    readonly policies: readonly string[];
  };
  /** Of virtual time. */
  readonly identityDelayNs: number;
  readonly dns: { readonly minTtlS: number; readonly assumed: boolean };
}

/** First release in which selectors are local unless they say otherwise (Documentation/network/clustermesh/policy.rst). */
const LOCAL_CLUSTER_SINCE = 19;

/** Works out what the values amount to, as the agent does when it starts. */
export function settingsOf(
  { version, values, audit, dnsAnswers, identityDelayMs }: Options,
): Settings {
  const minor = minorOf(version);
  const { kubeProxyReplacement, socketLB, bpf } = values;
  const socket = kubeProxyReplacement || socketLB.enabled === true;
  const [from, to] = values.nodePort.range.split(",").map(Number);
  const masquerading = values.enableIPv4Masquerade ||
    values.enableIPv6Masquerade;
  return {
    minor,
    kubeProxyReplacement,
    socketLb: !socket ? "off" : socketLB.hostNamespaceOnly ? "host" : "all",
    // Without the replacement it is off unless asked for (cilium/cilium PR 16179, issue 35254).
    sessionAffinity: kubeProxyReplacement || values.sessionAffinity,
    externalClusterIp: bpf.lbExternalClusterIP,
    rangesForAll: bpf.lbSourceRangeAllTypes,
    maglev: values.loadBalancer.algorithm === "maglev"
      ? { size: values.maglev.tableSize, seed: values.maglev.hashSeed }
      : null,
    noBackend: values.loadBalancer.serviceNoBackendResponse,
    forwarding: {
      mode: values.loadBalancer.mode,
      dispatch: values.loadBalancer.dsrDispatch,
      annotated: bpf.lbModeAnnotation,
    },
    // Whether a device is up to it, best-effort finds out and we take for granted.
    xdp: values.loadBalancer.acceleration !== "disabled",
    nodePorts: { from: from!, to: to! },
    localRedirect: values.localRedirectPolicy ||
      values.localRedirectPolicies.enabled,
    redirectRanges: values.localRedirectPolicies.addressMatcherCIDRs
      .map((text) => Cidr.of(text)),
    masquerade: !masquerading ? "off" : bpf.masquerade ? "bpf" : "iptables",
    masquerade4: values.enableIPv4Masquerade,
    masquerade6: values.enableIPv6Masquerade,
    remoteNodeMasquerade: values.enableRemoteNodeMasquerade,
    nativeRouting: [values.ipv4NativeRoutingCIDR, values.ipv6NativeRoutingCIDR]
      .filter((text) => text !== "").map((text) => Cidr.of(text)),
    // Documentation/operations/performance/tuning.rst, eBPF Host-Routing: requirements.
    hostRouting: kubeProxyReplacement && bpf.masquerade &&
      !bpf.hostLegacyRouting,
    endpointRoutes: values.endpointRoutes.enabled,
    tunnel: values.routingMode === "tunnel" ? values.tunnelProtocol : null,
    enforcement: values.policyEnforcementMode,
    cidrsMatchNodes: values.policyCIDRMatchMode.includes("nodes"),
    policyMapMax: bpf.policyMapMax,
    lockdown: values.endpointLockdownOnMapOverflow,
    l7Proxy: values.l7Proxy,
    hostFirewall: values.hostFirewall.enabled,
    nodeLabels: values.nodeSelectorLabels,
    ingress: values.ingressController.enabled || values.gatewayAPI.enabled ||
      values.envoyConfig.enabled,
    clusterName: values.cluster.name,
    localByDefault: values.clustermesh.policyDefaultLocalCluster ??
      minor >= LOCAL_CLUSTER_SINCE,
    audit: { all: values.policyAuditMode, ...audit },
    identityDelayNs: identityDelayMs * 1_000_000,
    dns: {
      minTtlS: Number(values.dnsProxy.minTtl),
      assumed: dnsAnswers === "assumed",
    },
  };
}

/** Values that say nothing about what is modelled here, or that another plugin models. */
const IRRELEVANT = [
  "encryption",
  "hubble",
  "operator",
  "prometheus",
  "image",
  "ipam",
  "k8sServiceHost",
  "k8sServicePort",
  "cni",
  "debug",
  "rollOutCiliumPods",
  "resources",
  "nodeinit",
  "dashboards",
];

/** One sentence for each Helm value that is not modelled, so that nobody believes it is. */
export function describeOptions({ values: given }: Options): string[] {
  const top = Object.keys(values.shape);
  return [
    ...unmodelled("values", given, [...top, ...IRRELEVANT]),
    ...Object.entries(groups).flatMap(([name, { shape }]) =>
      unmodelled(
        `values.${name}`,
        given[name as keyof typeof groups],
        Object.keys(shape),
      )
    ),
  ].sort(compareText);
}

function unmodelled(
  where: string,
  given: object,
  known: readonly string[],
): string[] {
  return Object.keys(given).filter((key) => !known.includes(key)).map((key) => {
    const near = nearest(key, known);
    return `${where}.${key} is not modelled` +
      (near === undefined ? "" : `; did you mean ${near}?`);
  });
}
