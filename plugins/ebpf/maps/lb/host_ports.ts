import type { Pod } from "../../../../core/cluster/model.ts";
import { Ip } from "../../../../core/packet/ip.ts";
import { SCOPE } from "./lb_address.ts";
import {
  type LbBackend,
  type LbService,
  PLAIN_SERVICE,
} from "./lb_frontend.ts";
import { ANY_ADDRESS, type FrontendWish } from "./service_frontends.ts";

/** A service that stands for one port that a pod has on its node. */
export interface HostPortService {
  readonly service: LbService;
  readonly backends: readonly LbBackend[];
  readonly wishes: readonly FrontendWish[];
}

/** How the names of a pod's such services begin. */
export function hostPortPrefix({ namespace, name }: Pod): string {
  return `${namespace}/${name}:host-port:`;
}

/** The ports that a pod has on its node, a service each (pkg/loadbalancer/reflectors, upsertHostPort). */
export function hostPortServices(
  pod: Pod,
  uid: string | undefined,
): HostPortService[] {
  if (!pod.running || pod.hostNetwork) return [];
  return pod.ports.flatMap(({ port, protocol, hostPort, hostIp }) => {
    if (hostPort === null) return [];
    const end = uid === undefined ? "" : `:${uid}`;
    const name = `${hostPortPrefix(pod)}${hostPort}${end}`;
    const families = new Set(pod.ips.map(({ family }) => family));
    const own = hostIp === null ? undefined : Ip.parse(hostIp);
    const ips = own === undefined
      ? [...families].map((family) => ANY_ADDRESS[family])
      : [own];
    return [{
      service: { ...PLAIN_SERVICE, name },
      backends: pod.ips.map((ip) => ({
        service: name,
        address: { ip, port, protocol, scope: SCOPE.external },
        portNames: [],
        state: "active" as const,
        node: pod.node,
        zone: null,
        zoneHints: [],
        weight: 0,
        unhealthy: false,
      })),
      wishes: ips.map((ip) => ({
        type: "HostPort" as const,
        address: { ip, port: hostPort, protocol, scope: SCOPE.external },
        portName: null,
      })),
    }];
  });
}
