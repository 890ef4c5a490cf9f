import type { KubeObject } from "../../core/cluster/model.ts";
import { number, record, text } from "../../core/l7/json.ts";
import type { Target } from "../../core/l7/route.ts";
import { type ReferenceScope, resolveService } from "./backend_reference.ts";
import type { ServiceBackend } from "./program.ts";
import { namespaceOf } from "./state.ts";

/**
 * What the backend of an Ingress leads to: a Service of its namespace, its
 * port by number or by name. One that does not exist has no endpoints: 503.
 */
export function resolveIngressBackend(
  ingress: KubeObject,
  backend: unknown,
  scope: ReferenceScope,
): Target<ServiceBackend> {
  const written = record(backend);
  if (written.resource !== undefined) {
    return {
      kind: "unknown",
      reason: "resource backends of Ingresses are not modelled",
    };
  }
  const reference = record(written.service);
  const name = text(reference.name) ?? "";
  const namespace = namespaceOf(ingress);
  const service = scope.cluster.services.get(`${namespace}/${name}`);
  const port = record(reference.port);
  const named = service?.ports.find((entry) => entry.name === text(port.name));
  const target = resolveService({
    namespace,
    name,
    port: number(port.number) ?? named?.port ?? null,
  }, scope);
  return target.kind === "respond" ? { ...target, status: 503 } : target;
}
