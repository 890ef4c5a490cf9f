import { type KubeObject, partPosition } from "../../core/cluster/model.ts";
import { InputError, nearest, type Problem } from "../../core/errors.ts";
import { compareText } from "../../core/policy/compare_text.ts";
import { type Options, optionsSchema } from "./options.ts";

/** Keys of `cilium-config` that are modelled, and the Helm values that write them. */
const VALUES: Readonly<Record<string, string>> = {
  "kube-proxy-replacement": "kubeProxyReplacement",
  "bpf-lb-sock": "socketLB.enabled",
  "bpf-lb-sock-hostns-only": "socketLB.hostNamespaceOnly",
  "enable-bpf-masquerade": "bpf.masquerade",
  "enable-host-legacy-routing": "bpf.hostLegacyRouting",
  "bpf-lb-external-clusterip": "bpf.lbExternalClusterIP",
  "bpf-lb-source-range-all-types": "bpf.lbSourceRangeAllTypes",
  "bpf-lb-algorithm": "loadBalancer.algorithm",
  "bpf-lb-mode": "loadBalancer.mode",
  "bpf-lb-mode-annotation": "bpf.lbModeAnnotation",
  "bpf-lb-dsr-dispatch": "loadBalancer.dsrDispatch",
  "bpf-lb-acceleration": "loadBalancer.acceleration",
  "service-no-backend-response": "loadBalancer.serviceNoBackendResponse",
  "bpf-lb-maglev-table-size": "maglev.tableSize",
  "bpf-lb-maglev-hash-seed": "maglev.hashSeed",
  "enable-host-firewall": "hostFirewall.enabled",
  "enable-node-selector-labels": "nodeSelectorLabels",
  "enable-local-redirect-policy": "localRedirectPolicies.enabled",
  "lrp-address-matcher-cidrs": "localRedirectPolicies.addressMatcherCIDRs",
  "node-port-range": "nodePort.range",
  "enable-endpoint-routes": "endpointRoutes.enabled",
  "enable-ingress-controller": "ingressController.enabled",
  "enable-gateway-api": "gatewayAPI.enabled",
  "enable-envoy-config": "envoyConfig.enabled",
  "tofqdns-min-ttl": "dnsProxy.minTtl",
  "policy-default-local-cluster": "clustermesh.policyDefaultLocalCluster",
  "policy-audit-mode": "policyAuditMode",
  "cluster-name": "cluster.name",
  "enable-ipv4-masquerade": "enableIPv4Masquerade",
  "enable-ipv6-masquerade": "enableIPv6Masquerade",
  "enable-remote-node-masquerade": "enableRemoteNodeMasquerade",
  "ipv4-native-routing-cidr": "ipv4NativeRoutingCIDR",
  "ipv6-native-routing-cidr": "ipv6NativeRoutingCIDR",
  "enable-policy": "policyEnforcementMode",
  "policy-cidr-match-mode": "policyCIDRMatchMode",
  "routing-mode": "routingMode",
  "tunnel-protocol": "tunnelProtocol",
  "enable-session-affinity": "sessionAffinity",
  "enable-l7-proxy": "l7Proxy",
  "bpf-policy-map-max": "bpf.policyMapMax",
  "enable-endpoint-lockdown-on-policy-overflow":
    "endpointLockdownOnMapOverflow",
};

/** Beginnings of keys that decide nothing which is modelled here, or that another plugin models. */
const IRRELEVANT = [
  "debug",
  "monitor-",
  "metrics",
  "prometheus-",
  "operator-",
  "hubble-",
  "enable-hubble",
  "identity-",
  "ipam",
  "cni-",
  "custom-cni",
  "log-",
  "agent-",
  "k8s-",
  "write-cni",
  "cilium-endpoint-gc",
  "enable-wireguard",
  "wireguard-",
  "bpf-map-",
  "bpf-ct-",
  "bpf-policy-map",
  "bpf-root",
  "cgroup-root",
  "mtu",
];

/** Options as an agent has them from its ConfigMap. */
export interface ReadConfig {
  readonly options: Options;
  /** One sentence for each key that is not modelled. */
  readonly warnings: readonly string[];
}

/** Whether an object is the agents' configuration. */
export function isAgentConfig({ kind, metadata }: KubeObject): boolean {
  return kind === "ConfigMap" && metadata.name === "cilium-config";
}

/**
 * Reads `cilium-config`, in place of the values of the options. Throws an
 * {@link InputError} for what cannot be, or cannot be together.
 */
export function readConfigMap(
  object: KubeObject,
  options: Options,
): ReadConfig {
  const values: Record<string, unknown> = {};
  const unknown: string[] = [];
  const keyOf = new Map<string, string>();
  for (const [key, value] of Object.entries(dataOf(object))) {
    const path = VALUES[key];
    if (path === undefined) unknown.push(key);
    else {
      keyOf.set(path, key);
      put(values, { path: path.split("."), value: legacy(key, value) });
    }
  }
  const { values: _, ...own } = options;
  const checked = optionsSchema.safeParse({ ...own, values });
  if (!checked.success) {
    throw new InputError(checked.error.issues.map((issue): Problem => {
      const path = issue.path.slice(1).join(".");
      const key = keyOf.get(path) ?? path;
      return {
        message: `Cannot use ${key} of cilium-config: ${issue.message}`,
        at: partPosition(object, ["data", key]),
      };
    }));
  }
  return { options: checked.data, warnings: warningsOf(unknown) };
}

function dataOf({ data }: KubeObject): Readonly<Record<string, unknown>> {
  return typeof data === "object" && data !== null && !Array.isArray(data)
    ? data as Record<string, unknown>
    : {};
}

/** What releases before 1.14 called the replacement's states; a mode that is left empty is off. */
function legacy(key: string, value: unknown): unknown {
  if (key !== "kube-proxy-replacement") return value;
  if (value === "strict") return "true";
  return value === "disabled" ? "false" : value;
}

function put(
  into: Record<string, unknown>,
  { path, value }: {
    readonly path: readonly string[];
    readonly value: unknown;
  },
): void {
  const [first, second] = path;
  if (second === undefined) {
    into[first!] = value;
    return;
  }
  const group = (into[first!] ??= {}) as Record<string, unknown>;
  group[second] = value;
}

function warningsOf(keys: readonly string[]): string[] {
  return keys
    .filter((key) => !IRRELEVANT.some((start) => key.startsWith(start)))
    .sort(compareText)
    .map((key) => {
      const near = nearest(key, Object.keys(VALUES));
      return `cilium-config ${key} is not modelled` +
        (near === undefined ? "" : `; did you mean ${near}?`);
    });
}
