import type {
  Labels,
  LoadBalancerIp,
  ObjectMeta,
  Protocol,
  Service,
} from "../cluster/model.ts";
import type { Cidr, Ip } from "../packet/ip.ts";
import { Field } from "./_field.ts";
import { type ManifestObject, readMeta } from "./_manifest_object.ts";
import { PROTOCOLS } from "./_manifest_pod.ts";

/** One port as the manifest says it; its node port may be yet to come. */
export interface ServicePortDraft {
  readonly name: string | null;
  readonly protocol: Protocol;
  readonly port: number;
  readonly targetPort: number | string;
  readonly nodePort: number | null;
  readonly appProtocol: string | null;
  readonly field: Field;
}

/** A Service that is yet to get the addresses and node ports that the API server allots. */
export type ServiceDraft =
  & ObjectMeta
  & Omit<Service, "ports" | "families" | "clusterIps">
  & {
    readonly ports: readonly ServicePortDraft[];
    readonly clusterIps: readonly Ip[];
    readonly families: readonly (4 | 6)[];
    readonly familyPolicy: FamilyPolicy | null;
    readonly wantsNodePorts: boolean;
    readonly field: Field;
  };

export type FamilyPolicy =
  | "SingleStack"
  | "PreferDualStack"
  | "RequireDualStack";

const TYPES = [
  "ClusterIP",
  "NodePort",
  "LoadBalancer",
  "ExternalName",
] as const;
const FAMILY_POLICIES: readonly FamilyPolicy[] = [
  "SingleStack",
  "PreferDualStack",
  "RequireDualStack",
];
const SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges";
const TRAFFIC_POLICIES = ["Cluster", "Local"] as const;

/** Reads a Service. */
export function readService(object: ManifestObject): ServiceDraft {
  const { root } = object;
  const spec = root.get("spec");
  if (!spec.present) {
    spec.fail("it has no spec", { expected: "spec.ports" });
  }
  spec.expectKeys(SERVICE_KEYS);
  const meta = readMeta(object);
  const type = spec.get("type").choice(TYPES) ?? "ClusterIP";
  const headless = type === "ClusterIP" &&
    clusterIpTexts(spec)[0]?.value === "None";
  const external = type === "ExternalName";
  const exposed = type === "NodePort" || type === "LoadBalancer";
  const policy = (key: string) =>
    spec.get(key).choice(TRAFFIC_POLICIES) ?? "Cluster";
  return {
    ...meta,
    namespace: object.namespace ?? "default",
    type,
    headless,
    clusterIps: headless || external ? [] : readClusterIps(spec),
    families: readFamilies(spec),
    familyPolicy: spec.get("ipFamilyPolicy").choice(FAMILY_POLICIES),
    externalIps: spec.get("externalIPs").items().map((one) => one.ip())
      .filter((ip) => ip !== null),
    loadBalancerIps: type === "LoadBalancer" ? readBalancerIps(root) : [],
    loadBalancerSourceRanges: type === "LoadBalancer" ? readRanges(root) : [],
    externalName: external ? readExternalName(spec) : null,
    ports: readPorts(spec, { required: !headless && !external, exposed }),
    selector: readSelector(spec),
    affinityTimeoutS: readAffinity(spec),
    // It counts for external addresses of any type (pkg/apis/core, `ExternallyAccessible`).
    externalTrafficPolicy: exposed || spec.get("externalIPs").items().length > 0
      ? policy("externalTrafficPolicy")
      : "Cluster",
    internalTrafficPolicy: policy("internalTrafficPolicy"),
    trafficDistribution: spec.get("trafficDistribution").text(),
    healthCheckNodePort: spec.get("healthCheckNodePort")
      .integer({ least: 0, most: 65_535, what: "a port" }) || null,
    publishNotReadyAddresses: spec.get("publishNotReadyAddresses").flag() ??
      false,
    createdAt: root.get("metadata").get("creationTimestamp").text(),
    wantsNodePorts: exposed &&
      (spec.get("allocateLoadBalancerNodePorts").flag() ?? true),
    field: root,
  };
}

/** `clusterIPs` with the older `clusterIP` as its first. */
function clusterIpTexts(spec: Field): Field[] {
  const list = spec.get("clusterIPs").items();
  const first = spec.get("clusterIP");
  return (list.length > 0 ? list : [first])
    .filter((field) => field.present && field.value !== "");
}

function readClusterIps(spec: Field): Ip[] {
  return clusterIpTexts(spec).map((field) => {
    if (field.value !== "None") return field.ip();
    const type = spec.get("type").value;
    field.fail(`${field.path} is None and its type ${type}`, {
      expected: "an address: only a ClusterIP Service can be headless",
    });
    return null;
  }).filter((ip) => ip !== null);
}

function readFamilies(spec: Field): (4 | 6)[] {
  return spec.get("ipFamilies").items()
    .map((field) => field.choice(["IPv4", "IPv6"]))
    .filter((name) => name !== null)
    .map((name) => name === "IPv4" ? 4 : 6);
}

function readPorts(
  spec: Field,
  { required, exposed }: { required: boolean; exposed: boolean },
): ServicePortDraft[] {
  const fields = spec.get("ports").items();
  if (required && fields.length === 0) {
    spec.get("ports").fail("it has no spec.ports", {
      expected: "at least one port",
    });
  }
  const names = new Set<string>();
  const ports: ServicePortDraft[] = [];
  for (const field of fields) {
    const port = readPort(field, { exposed });
    if (port === null) continue;
    if (fields.length > 1) checkName(port, names);
    ports.push(port);
  }
  return ports;
}

function readPort(
  field: Field,
  { exposed }: { exposed: boolean },
): ServicePortDraft | null {
  field.expectKeys(PORT_KEYS);
  const number = field.get("port");
  const port = number.port();
  const nodePort = field.get("nodePort")
    .integer({ least: 0, most: 65_535, what: "a port" });
  const rest = {
    name: field.get("name").text() || null,
    protocol: field.get("protocol").choice(PROTOCOLS) ?? "TCP",
    nodePort: exposed ? nodePort || null : null,
    appProtocol: field.get("appProtocol").text(),
    field,
  };
  const targetPort = readTargetPort(field.get("targetPort"));
  if (port !== null) return { ...rest, port, targetPort: targetPort ?? port };
  if (!number.present) {
    const expected = "port, from 1 to 65535";
    field.fail(`${field.path} has no port`, { expected });
  }
  return null;
}

/** A number, or the name of a container port: at most 15 of [a-z0-9-] with a letter (RFC 6335). */
function readTargetPort(field: Field): number | string | null {
  if (field.value === 0 || field.value === "") return null;
  if (typeof field.value !== "string") return field.port();
  if (/^(?=.*[a-z])[a-z0-9-]{1,15}$/.test(field.value)) return field.value;
  field.fail(`${field.path} is ${JSON.stringify(field.value)}`, {
    expected: "a number without quotes, or the name of a container port",
  });
  return null;
}

/** The API server refuses these; without names the ports share their slices' ports. */
function checkName(port: ServicePortDraft, names: Set<string>): void {
  const expected = "a name of its own for every port of a Service with several";
  if (port.name === null) {
    port.field.warn(`${port.field.path} has no name`, { expected });
  } else if (names.has(port.name)) {
    const reason = `the port name ${port.name} is given twice`;
    port.field.get("name").fail(reason, { expected });
  }
  names.add(port.name ?? "");
}

function readSelector(spec: Field): Labels | null {
  const labels = spec.get("selector").labels();
  return Object.keys(labels).length === 0 ? null : labels;
}

function readAffinity(spec: Field): number | null {
  const affinity = spec.get("sessionAffinity").choice(["None", "ClientIP"]);
  if (affinity !== "ClientIP") return null;
  return spec.get("sessionAffinityConfig").get("clientIP")
    .get("timeoutSeconds").integer({ least: 1, most: 86_400 }) ?? 10_800;
}

/** What the load balancer reported, else what the manifest asks it for. */
function readBalancerIps(root: Field): LoadBalancerIp[] {
  const given = root.get("status").get("loadBalancer").get("ingress").items();
  const modes = ["VIP", "Proxy"] as const;
  const ips = given.flatMap((field) => {
    const ip = field.get("ip").ip();
    const mode = field.get("ipMode").choice(modes) ?? "VIP";
    return ip === null ? [] : [{ ip, mode }];
  });
  const asked = root.get("spec").get("loadBalancerIP");
  if (ips.length > 0 || asked.value === "") return ips;
  const ip = asked.ip();
  return ip === null ? [] : [{ ip, mode: "VIP" }];
}

/**
 * Nodes read the field alone; the annotation that it replaced is for cloud
 * controllers, which open their own firewalls by it.
 */
function readRanges(root: Field): Cidr[] {
  const annotation = root.get("metadata").get("annotations").get(SOURCE_RANGES);
  if (annotation.present) {
    annotation.warn("nodes do not read source ranges from an annotation", {
      expected: "spec.loadBalancerSourceRanges",
    });
  }
  return root.get("spec").get("loadBalancerSourceRanges").items()
    .filter((field) => field.value !== "")
    .map((field) => field.cidr()).filter((cidr) => cidr !== null);
}

function readExternalName(spec: Field): string | null {
  const name = spec.get("externalName");
  if (name.present && name.value !== "") return name.text();
  name.fail("it has no spec.externalName", {
    expected: "the DNS name it stands for",
  });
  return null;
}

const PORT_KEYS = [
  "appProtocol",
  "name",
  "nodePort",
  "port",
  "protocol",
  "targetPort",
];

const SERVICE_KEYS = [
  "allocateLoadBalancerNodePorts",
  "clusterIP",
  "clusterIPs",
  "externalIPs",
  "externalName",
  "externalTrafficPolicy",
  "healthCheckNodePort",
  "internalTrafficPolicy",
  "ipFamilies",
  "ipFamily",
  "ipFamilyPolicy",
  "loadBalancerClass",
  "loadBalancerIP",
  "loadBalancerSourceRanges",
  "ports",
  "publishNotReadyAddresses",
  "selector",
  "sessionAffinity",
  "sessionAffinityConfig",
  "topologyKeys",
  "trafficDistribution",
  "type",
];
