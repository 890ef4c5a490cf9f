import type { Service } from "../../core/cluster/model.ts";
import { record, records } from "../../core/l7/json.ts";
import { citeObject } from "./_rule.ts";
import type { Mesh } from "./mesh.ts";
import type { Doubt } from "./unmodelled.ts";

/**
 * The waypoint that a Service's traffic goes through, which is not modelled.
 * Undefined when none is asked for, and also when the one asked for does not
 * exist or says that it is not ready: then traffic goes straight on and what
 * the waypoint would have enforced is not (istio/istio
 * pilot/pkg/serviceregistry/ambient/waypoints.go, fetchWaypointForTarget).
 */
export function waypointOf(service: Service, mesh: Mesh): Doubt | undefined {
  const namespace = mesh.cluster.namespaces.get(service.namespace);
  const asked = [service, namespace].find((object) =>
    object?.labels["istio.io/use-waypoint"] !== undefined
  );
  const name = asked?.labels["istio.io/use-waypoint"];
  if (asked === undefined || name === undefined || name === "none") {
    return undefined;
  }
  const home = asked.labels["istio.io/use-waypoint-namespace"] ??
    service.namespace;
  const gateway = mesh.gateway(home, name);
  if (gateway === undefined) return undefined;
  const serves = gateway.metadata.labels?.["istio.io/waypoint-for"] ??
    "service";
  const refused = records(record(gateway.status).conditions)
    .some(({ type, status }) => type === "Programmed" && status === "False");
  return refused || (serves !== "service" && serves !== "all") ? undefined : {
    reason: `waypoint ${home}/${name} is not modelled`,
    rule: citeObject(gateway),
  };
}
