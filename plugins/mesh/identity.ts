import type { Pod } from "../../core/cluster/model.ts";

/** The parts of a workload's SPIFFE ID, `spiffe://cluster.local/ns/shop/sa/web`. */
export interface Identity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const SCHEME = "spiffe://";

/** The SPIFFE ID that the mesh's authority certifies for a pod. */
export function spiffeIdOf(pod: Pod, trustDomain: string): string {
  return `${SCHEME}${trustDomain}/ns/${pod.namespace}/sa/${pod.serviceAccount}`;
}

/** The identity in a SPIFFE ID of the mesh's form; null when it has another. */
export function parseSpiffeId(id: string): Identity | null {
  if (!id.startsWith(SCHEME)) return null;
  const [trustDomain, ns, namespace, sa, serviceAccount, ...rest] = id
    .slice(SCHEME.length).split("/");
  if (
    ns !== "ns" || sa !== "sa" || rest.length > 0 ||
    trustDomain === undefined || namespace === undefined ||
    serviceAccount === undefined
  ) {
    return null;
  }
  return { trustDomain, namespace, serviceAccount };
}
