import type { NewEvent } from "../event.ts";

/** Who an object of a kind is to the API server. */
export interface KnownKind {
  readonly apiVersion: string;
  readonly kind: string;
}

const CORE_KINDS: readonly KnownKind[] = [
  ...["Namespace", "Node", "Pod", "Service", "Endpoints"]
    .map((kind) => ({ apiVersion: "v1", kind })),
  ...["Deployment", "DaemonSet", "StatefulSet", "ReplicaSet"]
    .map((kind) => ({ apiVersion: "apps/v1", kind })),
  { apiVersion: "batch/v1", kind: "Job" },
  { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" },
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
  { apiVersion: "networking.k8s.io/v1", kind: "Ingress" },
];

/** Short names that kubectl knows. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  ns: "namespace",
  no: "node",
  po: "pod",
  svc: "service",
  ep: "endpoints",
  deploy: "deployment",
  ds: "daemonset",
  sts: "statefulset",
  rs: "replicaset",
  netpol: "networkpolicy",
  ing: "ingress",
};

/** Kinds that an object may be named by: the API's own, and those seen. */
export class KindTable {
  readonly #kinds = new Map(
    CORE_KINDS.map((known) => [known.kind.toLowerCase(), known]),
  );

  see(event: NewEvent): void {
    if (event.type !== "policy.applied") return;
    const { apiVersion, kind } = event.data.object;
    this.#kinds.set(kind.toLowerCase(), { apiVersion, kind });
  }

  find(written: string): KnownKind | undefined {
    const lower = written.toLowerCase();
    const name = Object.hasOwn(SHORT_NAMES, lower)
      ? SHORT_NAMES[lower]!
      : lower;
    return this.#kinds.get(name);
  }

  names(): readonly string[] {
    return [...this.#kinds.values()].map(({ kind }) => kind);
  }
}
