import type { Ip } from "../packet/ip.ts";
import type {
  Namespace,
  Node,
  Pod,
  PortEndpoint,
  Service,
  ServicePort,
} from "./model.ts";

/**
 * Read access to everything that exists at one moment of a replay: the fold
 * of the identity events so far. Iteration order of every map is by key,
 * code unit by code unit.
 */
export interface ClusterView {
  /** Grows with every change; what was compiled from an older one is stale. */
  readonly revision: number;
  /** Keyed by name. */
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** Keyed by name. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** Keyed by `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>;
  /** Keyed by `namespace/name`. */
  readonly services: ReadonlyMap<string, Service>;
  /** The running pod that has this address for itself; never a hostNetwork pod. */
  podAt(ip: Ip): Pod | undefined;
  /** The node that has this address, internal or external. */
  nodeAt(ip: Ip): Node | undefined;
  /** Whether the address lies in a pod range of the cluster or is a pod's. */
  isPodAddress(ip: Ip): boolean;
  /** Running pods of one node, hostNetwork pods included, by key. */
  podsOn(node: string): readonly Pod[];
  /**
   * Every endpoint of a Service port in one family, whatever its conditions,
   * sorted by address as text and port: the union over its slices.
   */
  endpointsOf(
    service: Service,
    port: ServicePort,
    family: 4 | 6,
  ): readonly PortEndpoint[];
  /** What a pod in `namespace` gets from cluster DNS for a name. */
  resolve(name: string, namespace: string): Resolution;
}

/** A DNS answer. */
export type Resolution =
  | {
    readonly kind: "addresses";
    readonly ips: readonly Ip[];
    /** The fully qualified name that was found, without the final dot. */
    readonly name: string;
    /** `namespace/name` of the Service behind the name, if one is. */
    readonly service: string | null;
  }
  | { readonly kind: "missing"; readonly tried: readonly string[] }
  /** An external name the scenario has no record for. */
  | { readonly kind: "unknown"; readonly name: string };
