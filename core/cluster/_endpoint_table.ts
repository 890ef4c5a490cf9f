import type { PodIndex } from "./_pod_index.ts";
import { SortedMap } from "./sorted_map.ts";
import {
  type DerivedEndpoint,
  deriveEndpoints,
  targetPortOn,
} from "./endpoint_derivation.ts";
import {
  type Endpoint,
  type EndpointSlice,
  type Node,
  objectKey,
  type Pod,
  type PortEndpoint,
  type Service,
  type ServicePort,
} from "./model.ts";

/** What endpoints are derived from. */
export interface EndpointGround {
  readonly services: SortedMap<Service>;
  readonly nodes: SortedMap<Node>;
  readonly podIndex: PodIndex;
}

/**
 * The endpoints of every Service: those of its slices for as long as they are
 * the newest word on it, else what the EndpointSlice controller would write.
 */
export class EndpointTable {
  readonly #ground: EndpointGround;
  readonly #slices = new SortedMap<EndpointSlice>();
  readonly #slicesOf = new Map<string, SortedMap<EndpointSlice>>();
  /** Counts what can reach endpoints: changes of a namespace's objects, and of nodes. */
  readonly #versions = new Map<string, number>();
  #nodesVersion = 0;
  readonly #cached = new WeakMap<Service, Map<string, CachedEndpoints>>();

  constructor(ground: EndpointGround) {
    this.#ground = ground;
  }

  /** The slices that were given and still stand. */
  get slices(): ReadonlyMap<string, EndpointSlice> {
    return this.#slices.view;
  }

  applySlice(slice: EndpointSlice): void {
    const key = objectKey(slice);
    this.deleteSlice(key);
    this.#slices.set(key, slice);
    const service = `${slice.namespace}/${slice.service}`;
    const slices = this.#slicesOf.get(service) ?? new SortedMap();
    slices.set(key, slice);
    this.#slicesOf.set(service, slices);
    this.#touch(slice.namespace);
  }

  deleteSlice(key: string): void {
    const slice = this.#slices.get(key);
    if (slice === undefined) return;
    this.#slices.delete(key);
    const service = `${slice.namespace}/${slice.service}`;
    const slices = this.#slicesOf.get(service);
    slices?.delete(key);
    if (slices?.view.size === 0) this.#slicesOf.delete(service);
    this.#touch(slice.namespace);
  }

  nodesChanged(): void {
    this.#nodesVersion++;
  }

  /** Given slices give way when the pods behind their Service have changed since. */
  podChanged(before: Pod | undefined, after: Pod | undefined): void {
    const namespace = (after ?? before)?.namespace;
    if (namespace === undefined) return;
    this.#touch(namespace);
    if (endpointFacts(before) === endpointFacts(after)) return;
    for (const key of [...this.#slicesOf.keys()]) {
      if (!key.startsWith(`${namespace}/`)) continue;
      const selector = this.#ground.services.get(key)?.selector ?? null;
      const concerned = selector !== null &&
        [before, after].some((pod) => isSelected(pod, selector));
      if (concerned) this.#dropSlices(key);
    }
  }

  /** As do those of a Service that selects other pods, or was deleted: they are its own. */
  serviceChanged(
    before: Service | undefined,
    after: Service | undefined,
  ): void {
    const service = after ?? before;
    if (service === undefined) return;
    this.#touch(service.namespace);
    const stands = after !== undefined && (before === undefined ||
      after.selector === null ||
      selectionFacts(before) === selectionFacts(after));
    if (!stands) this.#dropSlices(objectKey(service));
  }

  /** Endpoints of one port, sorted by address as text and port. */
  of(
    service: Service,
    { port, family }: { port: ServicePort; family: 4 | 6 },
  ): readonly PortEndpoint[] {
    const { name, protocol, targetPort } = port;
    const key = [name, protocol, targetPort, family].join(" ");
    const version = `${
      this.#versions.get(service.namespace) ?? 0
    }.${this.#nodesVersion}`;
    const ports = this.#cached.get(service) ?? new Map();
    this.#cached.set(service, ports);
    const cached = ports.get(key);
    if (cached?.version === version) return cached.endpoints;
    const endpoints = union(
      this.#portEndpoints(service, port).filter(({ ip }) =>
        ip.family === family
      ),
    );
    ports.set(key, { version, endpoints });
    return endpoints;
  }

  /** Endpoints of all ports and families, as DNS needs them. */
  behind(service: Service): readonly Endpoint[] {
    const slices = this.#slicesOf.get(objectKey(service));
    return slices === undefined
      ? this.#derive(service).map(({ endpoint }) => endpoint)
      : [...slices.view.values()].flatMap(({ endpoints }) => endpoints);
  }

  #portEndpoints(service: Service, port: ServicePort): PortEndpoint[] {
    const slices = this.#slicesOf.get(objectKey(service));
    if (slices !== undefined) return endpointsIn(slices, port);
    return this.#derive(service).flatMap(({ endpoint, pod }) => {
      const number = targetPortOn(pod, port);
      return number === undefined ? [] : [{ ...endpoint, port: number }];
    });
  }

  #derive(service: Service): DerivedEndpoint[] {
    const { namespace, selector } = service;
    if (selector === null) return [];
    return deriveEndpoints(service, {
      pods: this.#ground.podIndex.withLabels(namespace, selector),
      nodes: this.#ground.nodes.view,
    });
  }

  #dropSlices(service: string): void {
    for (const key of this.#slicesOf.get(service)?.view.keys() ?? []) {
      this.#slices.delete(key);
    }
    this.#slicesOf.delete(service);
  }

  #touch(namespace: string): void {
    this.#versions.set(namespace, (this.#versions.get(namespace) ?? 0) + 1);
  }
}

interface CachedEndpoints {
  readonly version: string;
  readonly endpoints: readonly PortEndpoint[];
}

/**
 * Endpoints of a Service port by the slices' own ports: kube-proxy matches
 * name and protocol (pkg/proxy/endpointslicecache.go) and ignores a port
 * without number.
 */
function endpointsIn(
  slices: SortedMap<EndpointSlice>,
  port: ServicePort,
): PortEndpoint[] {
  return [...slices.view.values()].flatMap((slice) =>
    slice.ports
      .filter(({ name, protocol }) =>
        (name ?? "") === (port.name ?? "") && protocol === port.protocol
      )
      .flatMap(({ port: number }) =>
        number === null ? [] : slice.endpoints.map((endpoint) => ({
          ...endpoint,
          port: number,
        }))
      )
  );
}

/**
 * One endpoint per address and port. While a pod moves from slice to slice
 * two of them may list it; which one counts is open, so the better one does.
 */
function union(endpoints: readonly PortEndpoint[]): PortEndpoint[] {
  const byKey = new Map<string, PortEndpoint>();
  for (const endpoint of endpoints) {
    const key = `${endpoint.ip.text} ${endpoint.port}`;
    const known = byKey.get(key);
    if (known === undefined || rank(endpoint) > rank(known)) {
      byKey.set(key, endpoint);
    }
  }
  return [...byKey.values()].sort((a, b) =>
    a.ip.text < b.ip.text ? -1 : a.ip.text > b.ip.text ? 1 : a.port - b.port
  );
}

function rank({ ready, serving }: Endpoint): number {
  return (ready ? 2 : 0) + (serving ? 1 : 0);
}

function isSelected(
  pod: Pod | undefined,
  selector: Readonly<Record<string, string>>,
): boolean {
  return pod !== undefined &&
    Object.entries(selector).every(([key, value]) =>
      Object.hasOwn(pod.labels, key) && pod.labels[key] === value
    );
}

/** What of a pod reaches its endpoints, to tell a change from a repetition. */
function endpointFacts(pod: Pod | undefined): string {
  return pod === undefined ? "" : JSON.stringify([
    pod.ips,
    pod.node,
    pod.labels,
    pod.ports,
    pod.ready,
    pod.terminating,
    pod.running,
    pod.hostname ?? null,
    pod.subdomain ?? null,
  ]);
}

function selectionFacts(service: Service): string {
  const { selector, ports, publishNotReadyAddresses } = service;
  return JSON.stringify([selector, ports, publishNotReadyAddresses]);
}
