import { LIMITS } from "../limits.ts";
import { compareIp, Ip } from "../packet/ip.ts";
import type { Endpoint, Service } from "./model.ts";
import type { Resolution } from "./view.ts";

/** A DNS record from outside the cluster. */
export interface DnsRecord {
  readonly addresses: readonly Ip[];
  readonly alias: string | null;
}

/** What names are looked up in. */
export interface Directory {
  hasNamespace(name: string): boolean;
  service(namespace: string, name: string): Service | undefined;
  /** All endpoints of a Service in every family, whatever their conditions. */
  endpoints(service: Service): readonly Endpoint[];
  record(name: string): DnsRecord | undefined;
}

/** Where the name is asked, and what is known there. */
export interface Question {
  readonly namespace: string;
  readonly directory: Directory;
}

/** The key of a record: names differ neither by case nor by a final dot. */
export function recordKey(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

const CLUSTER_DOMAIN = "cluster.local";
/** `options ndots:5`, which kubelet writes for dnsPolicy ClusterFirst. */
const NDOTS = 5;

/**
 * What the resolver of a pod gets for a name: its search domains as kubelet
 * writes them, cluster names as CoreDNS's kubernetes plugin answers them with
 * `pods insecure` (kubeadm's Corefile), all else from the given records.
 */
export function resolveName(
  name: string,
  { namespace, directory }: Question,
): Resolution {
  const literal = Ip.parse(name);
  if (literal !== undefined) {
    return { kind: "addresses", ips: [literal], name, service: null };
  }
  const tried: string[] = [];
  let outside: string | undefined;
  for (const candidate of candidates(name, namespace)) {
    const answer = follow(candidate, directory);
    tried.push(...answer.tried);
    if (answer.kind === "found") {
      const { ips, service } = answer;
      return { kind: "addresses", ips, name: candidate, service };
    }
    outside ??= answer.kind === "outside" ? answer.name : undefined;
  }
  return outside === undefined
    ? { kind: "missing", tried }
    : { kind: "unknown", name: outside };
}

/** Fully qualified names in the order a resolver asks for them (resolv.conf(5)). */
function candidates(name: string, namespace: string): readonly string[] {
  const lower = name.toLowerCase();
  if (lower.endsWith(".")) return [lower.slice(0, -1)];
  const searched = [
    `${lower}.${namespace}.svc.${CLUSTER_DOMAIN}`,
    `${lower}.svc.${CLUSTER_DOMAIN}`,
    `${lower}.${CLUSTER_DOMAIN}`,
  ];
  const dots = lower.split(".").length - 1;
  return dots >= NDOTS ? [lower, ...searched] : [...searched, lower];
}

type Answer =
  | {
    readonly kind: "found";
    readonly ips: readonly Ip[];
    readonly service: string | null;
  }
  | { readonly kind: "missing" }
  | { readonly kind: "outside"; readonly name: string }
  | { readonly kind: "alias"; readonly to: string };

/** Follows aliases; a chain that is too long or comes back to itself is no answer, as SERVFAIL is none. */
function follow(
  name: string,
  directory: Directory,
): Exclude<Answer, { kind: "alias" }> & { readonly tried: string[] } {
  const tried: string[] = [];
  let next = name;
  while (tried.length <= LIMITS.dnsAliases && !tried.includes(next)) {
    tried.push(next);
    const answer = lookup(next, directory);
    if (answer.kind !== "alias") return { ...answer, tried };
    next = recordKey(answer.to);
  }
  return { kind: "missing", tried };
}

function lookup(name: string, directory: Directory): Answer {
  if (name.endsWith(`.${CLUSTER_DOMAIN}`)) {
    const labels = name.slice(0, -CLUSTER_DOMAIN.length - 1).split(".");
    return lookupInCluster(labels, directory);
  }
  const record = directory.record(name);
  if (record?.alias) return { kind: "alias", to: record.alias };
  if (record !== undefined) {
    return record.addresses.length > 0
      ? { kind: "found", ips: record.addresses, service: null }
      : { kind: "missing" };
  }
  return isNowhere(name) ? { kind: "missing" } : { kind: "outside", name };
}

/** Names that no resolver outside knows: a single label, and `svc`, which is no top-level domain. */
function isNowhere(name: string): boolean {
  return !name.includes(".") || name.endsWith(".svc") || name === "";
}

/** plugin/kubernetes of CoreDNS: parse.go `parseRequest`, kubernetes.go `findServices` and `findPods`. */
function lookupInCluster(
  labels: readonly string[],
  directory: Directory,
): Answer {
  const zone = labels.at(-1);
  const namespace = labels.at(-2);
  const name = labels.at(-3);
  if (namespace === undefined || name === undefined) return MISSING;
  if (zone === "pod" && labels.length === 3) {
    const ip = directory.hasNamespace(namespace) ? dashed(name) : undefined;
    return ip === undefined
      ? MISSING
      : { kind: "found", ips: [ip], service: null };
  }
  if (zone !== "svc" || labels.length > 4) return MISSING;
  const service = directory.service(namespace, name);
  if (service === undefined) return MISSING;
  return answerService(service, {
    hostname: labels.length === 4 ? labels[0]! : null,
    directory,
  });
}

const MISSING: Answer = { kind: "missing" };

function answerService(
  service: Service,
  { hostname, directory }: { hostname: string | null; directory: Directory },
): Answer {
  if (service.type === "ExternalName") {
    const to = service.externalName;
    // An address as externalName is no CNAME, so CoreDNS gives no answer.
    const alias = hostname === null && to !== null && to !== "" &&
      Ip.parse(to) === undefined;
    return alias ? { kind: "alias", to } : MISSING;
  }
  const key = `${service.namespace}/${service.name}`;
  if (!service.headless && hostname === null) {
    return service.clusterIps.length > 0
      ? { kind: "found", ips: service.clusterIps, service: key }
      : MISSING;
  }
  const ips = new Map<string, Ip>();
  for (const endpoint of directory.endpoints(service)) {
    if (!endpoint.ready) continue;
    if (hostname !== null && endpointName(endpoint) !== hostname) continue;
    ips.set(endpoint.ip.text, endpoint.ip);
  }
  if (ips.size === 0) return MISSING;
  const sorted = [...ips.values()].sort(compareIp);
  return { kind: "found", ips: sorted, service: key };
}

/** The name of an endpoint: its hostname, or its address with dashes (CoreDNS `endpointHostname`). */
function endpointName({ hostname, ip }: Endpoint): string {
  if (hostname !== null && hostname !== "") return hostname.toLowerCase();
  return ip.text.replace(/[.:]/g, "-");
}

/** `1-2-3-4` or `fd00--1` of a pod's name; a mixed form counts as IPv6, as in CoreDNS. */
function dashed(name: string): Ip | undefined {
  const isV4 = name.split("-").length === 4 && !name.includes("--");
  return Ip.parse(name.replaceAll("-", isV4 ? "." : ":"));
}
