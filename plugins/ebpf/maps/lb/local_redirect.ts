import type {
  KubeObject,
  Pod,
  Protocol,
} from "../../../../core/cluster/model.ts";
import {
  parseSelector,
  type Selector,
} from "../../../../core/cluster/selector.ts";
import { Ip } from "../../../../core/packet/ip.ts";
import { type LbAddress, SCOPE } from "./lb_address.ts";
import type { LbBackend, LbFrontend } from "./lb_frontend.ts";

/** One port that a redirect names. */
interface RedirectPort {
  readonly name: string | null;
  readonly port: number;
  readonly protocol: Protocol;
}

/** A CiliumLocalRedirectPolicy, read. */
export interface LocalRedirect {
  /** `shop/redirect`. */
  readonly name: string;
  readonly namespace: string;
  /** The pseudo-service whose backends answer. */
  readonly service: string;
  /** The Service it takes the place of; null when it has addresses of its own. */
  readonly target: string | null;
  /** Addresses of its own. */
  readonly addresses: readonly {
    readonly address: LbAddress;
    readonly name: string | null;
  }[];
  /** Ports of the target it is for; none: all of them. */
  readonly targetPorts: readonly RedirectPort[];
  readonly backendPorts: readonly RedirectPort[];
  readonly selector: Selector;
}

/** Reads a redirect; undefined when it can have no effect. */
export function readLocalRedirect(
  { metadata, spec }: Pick<KubeObject, "metadata" | "spec">,
): LocalRedirect | undefined {
  const namespace = metadata.namespace ?? "default";
  const name = `${namespace}/${metadata.name}`;
  const fields = mapping(spec);
  const frontend = mapping(fields["redirectFrontend"]);
  const backend = mapping(fields["redirectBackend"]);
  const service = mapping(frontend["serviceMatcher"]);
  const address = mapping(frontend["addressMatcher"]);
  const target = text(service["serviceName"]);
  const ip = Ip.parse(text(address["ip"]));
  const ports = portsOf(address["toPorts"]);
  if (target === "" && (ip === undefined || ports.length === 0)) {
    return undefined;
  }
  const { selector, problems } = parseSelector(
    backend["localEndpointSelector"],
  );
  if (problems.length > 0) return undefined;
  return {
    name,
    namespace,
    service: `${name}:local-redirect`,
    target: target === ""
      ? null
      : `${text(service["namespace"]) || namespace}/${target}`,
    addresses: ip === undefined ? [] : ports.map((port) => ({
      name: port.name,
      address: {
        ip,
        port: port.port,
        protocol: port.protocol,
        scope: SCOPE.external,
      },
    })),
    targetPorts: portsOf(service["toPorts"]),
    backendPorts: portsOf(backend["toPorts"]),
    selector,
  };
}

/** The pods of the node that a redirect sends to (updateRedirectBackends). */
export function redirectBackends(
  redirect: LocalRedirect,
  pods: readonly Pod[],
): LbBackend[] {
  const named = redirect.addresses.length > 1 ||
    redirect.targetPorts.length > 1;
  return pods
    .filter((pod) => isChosen(pod, redirect))
    .flatMap((pod) =>
      pod.ips.flatMap((ip) =>
        pod.ports
          .filter((port) =>
            redirect.backendPorts.some((wanted) =>
              wanted.port === port.port && wanted.protocol === port.protocol &&
              (!named || wanted.name === port.name?.toLowerCase())
            )
          )
          .map(({ port, protocol, name }) => ({
            service: redirect.service,
            address: { ip, port, protocol, scope: SCOPE.external },
            portNames: name === null ? [] : [name],
            state: "active" as const,
            node: null,
            zone: null,
            zoneHints: [],
            weight: 0,
            unhealthy: false,
          }))
      )
    );
}

/** Whether any pod of the node is there to answer. */
export function hasRedirectPods(
  redirect: LocalRedirect,
  pods: readonly Pod[],
): boolean {
  return pods.some((pod) => isChosen(pod, redirect));
}

/** Whether a frontend of the target goes to the redirect's pods (shouldRedirectFrontend). */
export function redirects(
  { target, targetPorts, backendPorts }: LocalRedirect,
  { type, service, address, portName }: Omit<LbFrontend, "backends">,
): boolean {
  if (service.name !== target || type !== "ClusterIP") return false;
  const asked = targetPorts.length === 0 ||
    targetPorts.some(({ port, protocol }) =>
      port === address.port && protocol === address.protocol
    );
  return asked && (backendPorts.length <= 1 ||
    backendPorts.some(({ name }) => name !== null && name === portName));
}

function isChosen(pod: Pod, { namespace, selector }: LocalRedirect): boolean {
  return pod.namespace === namespace && pod.ready &&
    selector.matches(pod.labels);
}

function portsOf(list: unknown): RedirectPort[] {
  return (Array.isArray(list) ? list : []).map(mapping).flatMap((one) => {
    const port = Number(one["port"]);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return [];
    const protocol = text(one["protocol"]).toUpperCase();
    const known = PROTOCOLS.find((name) => name === protocol);
    const name = text(one["name"]).toLowerCase();
    return known === undefined
      ? []
      : [{ port, protocol: known, name: name === "" ? null : name }];
  });
}

const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP", "SCTP"];

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
