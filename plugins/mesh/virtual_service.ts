import type { KubeObject, Labels } from "../../core/cluster/model.ts";
import { list, record, texts } from "../../core/l7/json.ts";
import { readText } from "./_read.ts";
import type { ServiceRegistry } from "./service_registry.ts";

/** A VirtualService that applies to sidecars, its names resolved. */
export interface VirtualService {
  readonly object: KubeObject;
  readonly namespace: string;
  /** Fully qualified where they were short. */
  readonly hosts: readonly string[];
  readonly gateways: readonly string[];
  readonly exportTo: readonly string[];
  readonly http: readonly unknown[];
  readonly tcp: readonly unknown[];
  readonly tls: readonly unknown[];
}

/** The proxy for which routes are built. */
export interface Client {
  readonly namespace: string;
  readonly labels: Labels;
}

const MESH_GATEWAY = "mesh";

/** Reads VirtualServices, which come in the order of their age. */
export function readVirtualServices(
  objects: readonly KubeObject[],
  registry: ServiceRegistry,
): readonly VirtualService[] {
  return objects.map((object) => {
    const spec = record(object.spec);
    const namespace = object.metadata.namespace ?? "default";
    const gateways = texts(spec.gateways);
    return {
      object,
      namespace,
      // A short name is of the VirtualService's namespace, not of the client's.
      hosts: texts(spec.hosts).map((host) =>
        registry.fullName(host, namespace)
      ),
      gateways: gateways.length > 0 ? gateways : [MESH_GATEWAY],
      exportTo: texts(spec.exportTo),
      http: list(spec.http),
      tcp: list(spec.tcp),
      tls: list(spec.tls),
    };
  });
}

/** Whether a sidecar in `namespace` gets to see a VirtualService. */
export function reachesClient(
  service: VirtualService,
  namespace: string,
): boolean {
  return service.gateways.includes(MESH_GATEWAY) &&
    isExportedTo(service, namespace);
}

/** Whether `exportTo` shows an object of one namespace to another; without it, to all. */
export function isExportedTo(
  { namespace, exportTo }: {
    readonly namespace: string;
    readonly exportTo: readonly string[];
  },
  client: string,
): boolean {
  return exportTo.length === 0 || exportTo.includes("*") ||
    exportTo.includes(client) ||
    (exportTo.includes(".") && namespace === client);
}

/**
 * Whether a match block is for this proxy at all. Gateways, source labels and
 * source namespace select configuration; they are not looked at per request
 * (istio/istio pilot/pkg/networking/core/route/route.go, sourceMatchHTTP).
 */
export function isForClient(
  match: Readonly<Record<string, unknown>>,
  client: Client,
): boolean {
  const gateways = texts(match.gateways);
  if (gateways.length > 0) return gateways.includes(MESH_GATEWAY);
  const namespace = readText(match.sourceNamespace);
  return Object.entries(record(match.sourceLabels)).every(([key, value]) =>
    client.labels[key] === value
  ) && (namespace === null || namespace === client.namespace);
}

/** Labels as a text, whatever their order. */
export function labelsKey(labels: Labels): string {
  return Object.entries(labels).map((pair) => pair.join("=")).sort().join(",");
}
