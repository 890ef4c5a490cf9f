import type { Service } from "../../../../core/cluster/model.ts";
import type { ClusterView } from "../../../../core/cluster/view.ts";
import { addressKey, SCOPE } from "./lb_address.ts";
import type { LbConfig } from "./lb_config.ts";
import type { LbBackend } from "./lb_frontend.ts";
import { LbTables, type NodeAddress } from "./lb_tables.ts";
import { DEFAULT_WEIGHT, stateOf } from "./slice_backends.ts";

/**
 * The load-balancing tables and maps of a node for all that is in a cluster.
 * Ids are given out as if services had come one by one in the order of their
 * names, each with its endpoints before it.
 */
export function fillServices(
  cluster: ClusterView,
  { config, addresses }: {
    readonly config: LbConfig;
    readonly addresses: readonly NodeAddress[];
  },
): LbTables {
  const tables = new LbTables(config);
  tables.setNodeAddresses(addresses);
  for (const [name, service] of cluster.services) {
    tables.setBackends(name, backendsOf(name, service, cluster));
    tables.applyService(service);
    tables.commit();
  }
  for (const pod of cluster.podsOn(config.node)) {
    if (pod.running) tables.applyPod(pod);
  }
  tables.commit();
  return tables;
}

function backendsOf(
  name: string,
  service: Service,
  cluster: ClusterView,
): LbBackend[] {
  const backends = new Map<string, LbBackend>();
  for (const port of service.ports) {
    for (const family of [4, 6] as const) {
      for (const endpoint of cluster.endpointsOf(service, port, family)) {
        const address = {
          ip: endpoint.ip,
          port: endpoint.port,
          protocol: port.protocol,
          scope: SCOPE.external,
        };
        const key = addressKey(address);
        const names = backends.get(key)?.portNames ?? [];
        const ready = endpoint.ready || service.publishNotReadyAddresses;
        backends.set(key, {
          service: name,
          address,
          portNames: port.name === null ? names : [...names, port.name],
          state: stateOf({ ...endpoint, ready }),
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
