import type {
  Endpoint,
  EndpointSlice,
} from "../../../../core/cluster/model.ts";
import { addressKey, addressText, SCOPE } from "./lb_address.ts";
import type { LbBackend, LbBackendState } from "./lb_frontend.ts";

/** Weight of a backend when nothing else is said (pkg/loadbalancer, DefaultBackendWeight). */
export const DEFAULT_WEIGHT = 100;

/** What the operator puts behind the services of Ingress and Gateway; no traffic goes there. */
const DUMMY = "192.192.192.192:9999/TCP";

/** The backends that slices of one service say, an address once with all its port names (convertEndpoints). */
export function sliceBackends(
  service: string,
  slices: readonly EndpointSlice[],
): LbBackend[] {
  const backends = new Map<string, LbBackend>();
  for (const { ports, endpoints } of slices) {
    for (const endpoint of endpoints) {
      for (const { name, port, protocol } of ports) {
        if (port === null) continue;
        const address = {
          ip: endpoint.ip,
          port,
          protocol,
          scope: SCOPE.external,
        };
        if (addressText(address) === DUMMY) continue;
        const key = addressKey(address);
        const names = backends.get(key)?.portNames ?? [];
        const more = name === null || name === "" || names.includes(name)
          ? []
          : [name];
        backends.set(key, {
          service,
          address,
          portNames: [...names, ...more],
          state: stateOf(endpoint),
          node: endpoint.node,
          zone: endpoint.zone,
          zoneHints: endpoint.zoneHints,
          weight: DEFAULT_WEIGHT,
          unhealthy: false,
        });
      }
    }
  }
  return [...backends.values()];
}

/** The state that an endpoint's conditions amount to. */
export function stateOf(
  { ready, serving, terminating }: Pick<
    Endpoint,
    "ready" | "serving" | "terminating"
  >,
): LbBackendState {
  if (ready) return "active";
  if (!terminating) return "maintenance";
  return serving ? "terminating" : "terminating-not-serving";
}
