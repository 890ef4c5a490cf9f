import type { Event, NewEvent } from "../event.ts";
import { compareIp, Ip } from "../packet/ip.ts";
import { EndpointTable } from "./_endpoint_table.ts";
import { NodeIndex } from "./_node_index.ts";
import { PodIndex } from "./_pod_index.ts";
import { SortedMap } from "./sorted_map.ts";
import {
  type Directory,
  type DnsRecord,
  recordKey,
  resolveName,
} from "./dns.ts";
import {
  type EndpointSlice,
  type Namespace,
  type Node,
  objectKey,
  type Pod,
  type PortEndpoint,
  type Service,
  type ServicePort,
} from "./model.ts";
import type { ClusterView, Resolution } from "./view.ts";

/**
 * The fold of the identity events: everything that exists so far.
 *
 * A Service with a selector has the endpoints its EndpointSlices say, for as
 * long as those are the newest word on it. When the pods behind it change
 * afterwards, or when it never had a slice, its endpoints are what the
 * EndpointSlice controller would write.
 *
 * @example
 * ```ts
 * const cluster = new Cluster();
 * for (const event of tape) cluster.apply(event);
 * cluster.pods.get("shop/web-0");
 * ```
 */
export class Cluster implements ClusterView {
  #revision = 0;
  readonly #namespaces = new SortedMap<Namespace>();
  readonly #nodes = new SortedMap<Node>();
  readonly #pods = new SortedMap<Pod>();
  readonly #services = new SortedMap<Service>();
  readonly #records = new Map<string, DnsRecord>();
  readonly #podIndex = new PodIndex();
  #nodeIndex: NodeIndex | undefined;
  readonly #endpoints = new EndpointTable({
    services: this.#services,
    nodes: this.#nodes,
    podIndex: this.#podIndex,
  });
  readonly #directory: Directory = {
    hasNamespace: (name) => this.#namespaces.get(name) !== undefined,
    service: (namespace, name) => this.#services.get(`${namespace}/${name}`),
    endpoints: (service) => this.#endpoints.behind(service),
    record: (name) => this.#records.get(name),
  };

  get revision(): number {
    return this.#revision;
  }

  get namespaces(): ReadonlyMap<string, Namespace> {
    return this.#namespaces.view;
  }

  get nodes(): ReadonlyMap<string, Node> {
    return this.#nodes.view;
  }

  get pods(): ReadonlyMap<string, Pod> {
    return this.#pods.view;
  }

  get services(): ReadonlyMap<string, Service> {
    return this.#services.view;
  }

  /** The EndpointSlices that were given and still stand, by `namespace/name`. */
  get slices(): ReadonlyMap<string, EndpointSlice> {
    return this.#endpoints.slices;
  }

  /** Takes in one event; those that are not about identity change nothing. */
  apply(event: Event | NewEvent): void {
    switch (event.type) {
      case "namespace.applied":
        this.#namespaces.set(event.data.namespace.name, event.data.namespace);
        break;
      case "namespace.deleted":
        this.#namespaces.delete(event.data.name);
        break;
      case "node.applied":
        this.#setNode(event.data.node.name, event.data.node);
        break;
      case "node.deleted":
        this.#setNode(event.data.name, undefined);
        break;
      case "pod.applied":
        this.#setPod(objectKey(event.data.pod), event.data.pod);
        break;
      case "pod.deleted":
        this.#setPod(objectKey(event.data), undefined);
        break;
      case "service.applied":
        this.#setService(objectKey(event.data.service), event.data.service);
        break;
      case "service.deleted":
        this.#setService(objectKey(event.data), undefined);
        break;
      case "endpoints.applied":
        this.#endpoints.applySlice(event.data.slice);
        break;
      case "endpoints.deleted":
        this.#endpoints.deleteSlice(objectKey(event.data));
        break;
      case "record.applied":
        this.#records.set(recordKey(event.data.name), {
          addresses: event.data.addresses.map(Ip.of).sort(compareIp),
          alias: event.data.alias,
        });
        break;
      default:
        return;
    }
    this.#revision++;
  }

  podAt(ip: Ip): Pod | undefined {
    return this.#podIndex.at(ip);
  }

  nodeAt(ip: Ip): Node | undefined {
    return this.#nodesByAddress.at(ip);
  }

  isPodAddress(ip: Ip): boolean {
    return this.#podIndex.at(ip) !== undefined ||
      this.#nodesByAddress.inPodRange(ip);
  }

  podsOn(node: string): readonly Pod[] {
    return this.#podIndex.on(node);
  }

  endpointsOf(
    service: Service,
    port: ServicePort,
    family: 4 | 6,
  ): readonly PortEndpoint[] {
    return this.#endpoints.of(service, { port, family });
  }

  resolve(name: string, namespace: string): Resolution {
    return resolveName(name, { namespace, directory: this.#directory });
  }

  get #nodesByAddress(): NodeIndex {
    return this.#nodeIndex ??= new NodeIndex(this.nodes.values());
  }

  #setNode(name: string, node: Node | undefined): void {
    put(this.#nodes, { key: name, value: node });
    this.#nodeIndex = undefined;
    this.#endpoints.nodesChanged();
  }

  #setPod(key: string, given: Pod | undefined): void {
    const before = this.#pods.get(key);
    const pod = given && this.#withKnownNames(given);
    put(this.#pods, { key, value: pod });
    this.#podIndex.replace(before, pod);
    this.#endpoints.podChanged(before, pod);
  }

  /** Pods of one node have one string for its name: names are then compared without being read. */
  #withKnownNames(pod: Pod): Pod {
    const namespace = this.#namespaces.get(pod.namespace)?.name;
    const node = this.#nodes.get(pod.node)?.name;
    return {
      ...pod,
      namespace: namespace ?? pod.namespace,
      node: node ?? pod.node,
    };
  }

  #setService(key: string, service: Service | undefined): void {
    const before = this.#services.get(key);
    put(this.#services, { key, value: service });
    this.#endpoints.serviceChanged(before, service);
  }
}

function put<V>(
  map: SortedMap<V>,
  { key, value }: { key: string; value: V | undefined },
): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
