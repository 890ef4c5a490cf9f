import type { KubeObject, Pod, Service } from "../../core/cluster/model.ts";
import { selectorOfLabels } from "../../core/cluster/selector.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { list, record, records, text } from "../../core/l7/json.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { Rule } from "../../core/source.ts";
import type { GatewayOptions, Profile } from "./options.ts";
import type { PortProgram } from "./program.ts";
import { namespaceOf } from "./state.ts";

/** Programs by `tcp 443`. */
export type Ports = Map<string, PortProgram>;

/** Where programs run: in pods of their own, or on every node at an address. */
export interface Placement {
  /** By `namespace/name`. */
  readonly pods: Map<string, Ports>;
  /** By node: pods that share the node's network. */
  readonly hosts: Map<string, { readonly pod: Pod; readonly ports: Ports }[]>;
  /** By address text. */
  readonly addresses: Map<string, Address>;
}

/** An address that programs listen on. */
export interface Address {
  readonly ports: Ports;
  /** Why its other ports refuse; null when the address is a node's or a Service's too. */
  readonly refusal: Rule | null;
}

/** Nowhere yet. */
export function emptyPlacement(): Placement {
  return { pods: new Map(), hosts: new Map(), addresses: new Map() };
}

/** The key of a port among {@link Ports}. */
export function portKey(protocol: "tcp" | "udp", port: number): string {
  return `${protocol} ${port}`;
}

/** Puts programs where they run: into the proxy's pods when there are any, else at the addresses. */
export function place(
  placement: Placement,
  programs: readonly PortProgram[],
  { pods, addresses, rule, cluster }: {
    readonly pods: readonly Pod[];
    readonly addresses: readonly string[];
    /** Who the addresses belong to. */
    readonly rule: Rule;
    readonly cluster: ClusterView;
  },
): void {
  for (const pod of pods) placeInPod(placement, programs, { pod, cluster });
  if (pods.length > 0) return;
  for (const text of addresses) {
    const ip = Ip.parse(text);
    if (ip === undefined) continue;
    const address = placement.addresses.get(ip.text) ?? {
      ports: new Map(),
      refusal: isShared(ip, cluster) ? null : rule,
    };
    placement.addresses.set(ip.text, address);
    for (const program of programs) {
      addProgram(address.ports, program.port, program);
    }
  }
}

function isShared(ip: Ip, cluster: ClusterView): boolean {
  return cluster.nodeAt(ip) !== undefined ||
    [...cluster.services.values()].some((service) =>
      serviceAddresses(service).includes(ip.text)
    );
}

/** Pods that run a Gateway's proxy, by the labels their deployers give them. */
export function gatewayPods(
  gateway: KubeObject,
  cluster: ClusterView,
): readonly Pod[] {
  const namespace = namespaceOf(gateway);
  const { name } = gateway.metadata;
  return [...cluster.pods.values()].filter((pod) =>
    pod.running && (
      (pod.namespace === namespace &&
        pod.labels["gateway.networking.k8s.io/gateway-name"] === name) ||
      (pod.labels["gateway.envoyproxy.io/owning-gateway-name"] === name &&
        pod.labels["gateway.envoyproxy.io/owning-gateway-namespace"] ===
          namespace)
    )
  );
}

/** Addresses of a Gateway: its status, the options, and a Service made for it. */
export function gatewayAddresses(
  gateway: KubeObject,
  { cluster, options }: { cluster: ClusterView; options: GatewayOptions },
): readonly string[] {
  const namespace = namespaceOf(gateway);
  const { name } = gateway.metadata;
  const written = (holder: unknown) =>
    records(record(holder).addresses).map(({ value }) => text(value) ?? "");
  const services = [...cluster.services.values()].filter((service) =>
    service.namespace === namespace &&
    (service.labels["gateway.networking.k8s.io/gateway-name"] === name ||
      service.labels["io.cilium.gateway/owning-gateway"] === name)
  );
  return [
    ...written(gateway.status),
    ...written(gateway.spec),
    ...optionAddresses(gateway, options),
    ...services.flatMap(serviceAddresses),
  ];
}

/** Pods that run the Ingress controller. */
export function ingressPods(
  profile: Profile,
  cluster: ClusterView,
): readonly Pod[] {
  const labels = profile.ingress === "nginx"
    ? {
      "app.kubernetes.io/name": "ingress-nginx",
      "app.kubernetes.io/component": "controller",
    }
    : profile.implementation === "istio"
    ? { istio: "ingressgateway" }
    : null;
  if (labels === null) return [];
  const selector = selectorOfLabels(labels);
  return [...cluster.pods.values()].filter((pod) =>
    pod.running && selector.matches(pod.labels)
  );
}

/** Addresses of an Ingress: its status and the options. */
export function ingressAddresses(
  ingress: KubeObject,
  options: GatewayOptions,
): readonly string[] {
  const { ingress: entries } = record(record(ingress.status).loadBalancer);
  return [
    ...list(entries).map((entry) => text(record(entry).ip) ?? ""),
    ...optionAddresses(ingress, options),
  ];
}

function optionAddresses(
  object: KubeObject,
  { addresses }: GatewayOptions,
): readonly string[] {
  const given = addresses[`${namespaceOf(object)}/${object.metadata.name}`];
  return given === undefined ? [] : [given].flat();
}

function serviceAddresses(service: Service): readonly string[] {
  return [
    ...service.clusterIps,
    ...service.externalIps,
    ...service.loadBalancerIps.map(({ ip }) => ip),
  ].map((ip) => ip.text);
}

/** A listener's port is that of the Service in front; the pod listens on its target port. */
function placeInPod(
  placement: Placement,
  programs: readonly PortProgram[],
  { pod, cluster }: { pod: Pod; cluster: ClusterView },
): void {
  const ports: Ports = new Map();
  const services = [...cluster.services.values()].filter((service) =>
    service.namespace === pod.namespace && service.selector !== null &&
    selectorOfLabels(service.selector).matches(pod.labels)
  );
  for (const program of programs) {
    const targets = services.flatMap((service) =>
      service.ports
        .filter((entry) =>
          entry.port === program.port &&
          entry.protocol.toLowerCase() === program.protocol
        )
        .map(({ targetPort }) => targetPortOf(pod, targetPort))
    );
    for (const port of targets.length > 0 ? targets : [program.port]) {
      if (port !== undefined) addProgram(ports, port, program);
    }
  }
  if (!pod.hostNetwork) {
    placement.pods.set(`${pod.namespace}/${pod.name}`, ports);
    return;
  }
  const hosts = placement.hosts.get(pod.node) ?? [];
  placement.hosts.set(pod.node, [...hosts, { pod, ports }]);
}

function targetPortOf(
  pod: Pod,
  targetPort: number | string,
): number | undefined {
  return typeof targetPort === "number"
    ? targetPort
    : pod.ports.find(({ name }) => name === targetPort)?.port;
}

/** The first program of a port stays: Gateways and Ingresses come in a fixed order. */
function addProgram(ports: Ports, port: number, program: PortProgram): void {
  const key = portKey(program.protocol, port);
  if (!ports.has(key)) ports.set(key, program);
}
