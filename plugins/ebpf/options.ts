import { z } from "zod";
import { nearest } from "../../core/errors.ts";
import { Cidr } from "../../core/packet/ip.ts";
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

const groups = {
  socketLB: z.looseObject({
    enabled: flag.optional(),
    hostNamespaceOnly: flag.default(false),
  }),
  bpf: z.looseObject({
    masquerade: flag.default(false),
    hostLegacyRouting: flag.default(false),
    lbExternalClusterIP: flag.default(false),
  }),
  loadBalancer: z.looseObject({
    /** Both pick each backend equally often, which is all that is compared. */
    algorithm: z.enum(["random", "maglev"]).default("random"),
    mode: z.enum(["snat", "dsr", "hybrid"]).default("snat"),
    serviceNoBackendResponse: z.enum(["reject", "drop"]).default("reject"),
  }),
  nodePort: z.looseObject({
    range: z.string().regex(/^\d{1,5},\d{1,5}$/).default("30000,32767"),
  }),
  endpointRoutes: z.looseObject({ enabled: flag.default(false) }),
  cluster: z.looseObject({ name: z.string().default("default") }),
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
  cluster: groups.cluster.prefault({}),
});

/** Options: a release and the Helm values it was installed with. */
export const optionsSchema = z.strictObject({
  version: z.string().regex(/^1\.\d{1,2}(\.\d{1,3})?$/).default("1.18"),
  values: values.prefault({}),
}).prefault({}).superRefine(({ values }, context) => {
  if (values.socketLB.enabled === false && values.kubeProxyReplacement) {
    context.addIssue({
      code: "custom",
      path: ["values", "socketLB", "enabled"],
      message: "kubeProxyReplacement needs the socket load balancer",
    });
  }
  if (values.loadBalancer.mode !== "snat" && !values.kubeProxyReplacement) {
    context.addIssue({
      code: "custom",
      path: ["values", "loadBalancer", "mode"],
      message:
        `mode ${values.loadBalancer.mode} needs kubeProxyReplacement: true`,
    });
  }
  if (values.enableRemoteNodeMasquerade && !values.bpf.masquerade) {
    context.addIssue({
      code: "custom",
      path: ["values", "enableRemoteNodeMasquerade"],
      message: "remote node masquerade needs bpf.masquerade: true",
    });
  }
});

export type Options = z.infer<typeof optionsSchema>;

/** The options as the datapath is compiled with them. */
export interface Settings {
  /** Minor release of 1.x. */
  readonly minor: number;
  readonly kubeProxyReplacement: boolean;
  /** Whose connect() is translated. */
  readonly socketLb: "off" | "host" | "all";
  readonly sessionAffinity: boolean;
  readonly externalClusterIp: boolean;
  readonly noBackend: "reject" | "drop";
  readonly forwarding: "snat" | "dsr" | "hybrid";
  readonly nodePorts: { readonly from: number; readonly to: number };
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
  readonly l7Proxy: boolean;
  readonly clusterName: string;
}

/** Works out what the values amount to, as the agent does when it starts. */
export function settingsOf({ version, values }: Options): Settings {
  const { kubeProxyReplacement, socketLB, bpf } = values;
  const socket = kubeProxyReplacement || socketLB.enabled === true;
  const [from, to] = values.nodePort.range.split(",").map(Number);
  const masquerading = values.enableIPv4Masquerade ||
    values.enableIPv6Masquerade;
  return {
    minor: Number(version.split(".")[1]),
    kubeProxyReplacement,
    socketLb: !socket ? "off" : socketLB.hostNamespaceOnly ? "host" : "all",
    // Without the replacement it is off unless asked for (cilium/cilium PR 16179, issue 35254).
    sessionAffinity: kubeProxyReplacement || values.sessionAffinity,
    externalClusterIp: bpf.lbExternalClusterIP,
    noBackend: values.loadBalancer.serviceNoBackendResponse,
    forwarding: values.loadBalancer.mode,
    nodePorts: { from: from!, to: to! },
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
    l7Proxy: values.l7Proxy,
    clusterName: values.cluster.name,
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
