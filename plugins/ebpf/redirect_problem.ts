import type { KubeObject } from "../../core/cluster/model.ts";
import { type Cidr, Ip } from "../../core/packet/ip.ts";
import type { LocalRedirect } from "./maps/lb/local_redirect.ts";

type Mapping = Readonly<Record<string, unknown>>;

/**
 * Why the agent does not take a CiliumLocalRedirectPolicy; null when it does
 * (pkg/loadbalancer/redirectpolicy, getSanitizedLocalRedirectPolicy).
 */
export function redirectProblem(
  { spec, metadata }: KubeObject,
  redirect: LocalRedirect | undefined,
  { redirectRanges }: { readonly redirectRanges: readonly Cidr[] },
): string | null {
  const frontend = mapping(mapping(spec)["redirectFrontend"]);
  const address = frontend["addressMatcher"];
  const service = frontend["serviceMatcher"];
  if (address === undefined && service === undefined) {
    return "neither addressMatcher nor serviceMatcher";
  }
  if (address !== undefined && service !== undefined) {
    return "addressMatcher beside serviceMatcher";
  }
  const home = metadata.namespace ?? "default";
  if (service !== undefined && mapping(service)["namespace"] !== home) {
    return "the Service is in another namespace";
  }
  const ip = Ip.parse(`${mapping(address)["ip"]}`);
  if (address !== undefined && ip === undefined) return "no address";
  if (
    ip !== undefined && redirectRanges.length > 0 &&
    !redirectRanges.some((range) => range.contains(ip))
  ) return `${ip} is outside localRedirectPolicies.addressMatcherCIDRs`;
  if (redirect === undefined) return "it names no Service, port or pods";
  return portProblem(redirect);
}

function portProblem(
  { addresses, targetPorts, backendPorts }: LocalRedirect,
): string | null {
  const asked = addresses.length > 0
    ? addresses.map(({ name, address }) => ({
      name,
      protocol: address.protocol,
    }))
    : targetPorts;
  const [first] = backendPorts;
  if (first === undefined) return "redirectBackend names no port";
  const named = asked.length > 1 || backendPorts.length > 1;
  const unnamed = [...(asked.length > 1 ? asked : []), ...backendPorts]
    .some(({ name }) => name === null);
  if (named && unnamed) return "several ports need names";
  return asked.length === 1 && asked[0]!.protocol !== first.protocol
    ? "redirectBackend has another protocol"
    : null;
}

function mapping(value: unknown): Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Mapping
    : {};
}
