import type { Service, ServicePort } from "../../../../core/cluster/model.ts";
import { compareText } from "../../../../core/policy/compare_text.ts";
import { Ip } from "../../../../core/packet/ip.ts";
import { type LbAddress, SCOPE } from "./lb_address.ts";
import type { LbConfig } from "./lb_config.ts";
import { annotation } from "./lb_frontend.ts";
import type { LbType } from "./service_flags.ts";

/** An address that a service asks for. */
export interface FrontendWish {
  readonly type: LbType;
  readonly address: LbAddress;
  readonly portName: string | null;
}

/** The address that stands for every address of the node. */
export const ANY_ADDRESS: Readonly<Record<4 | 6, Ip>> = {
  4: Ip.of("0.0.0.0"),
  6: Ip.of("::"),
};

const HEADLESS_LABEL = "service.kubernetes.io/headless";

/**
 * The addresses of a Service (pkg/loadbalancer/reflectors, convertService).
 * Null when the node is to know nothing of it.
 */
export function frontendsOf(
  service: Service,
  config: LbConfig,
): FrontendWish[] | null {
  if (!isExposedTo(service, config)) return null;
  if (service.type === "ExternalName" || isHeadless(service)) return [];
  const wishes: FrontendWish[] = [];
  const add = (type: LbType, ip: Ip, scope: 0 | 1) => {
    for (const port of service.ports) {
      const number = type === "NodePort" ? port.nodePort : port.port;
      if (number === null) continue;
      wishes.push(wishOf(port, { type, ip, number, scope }));
    }
  };
  const exposes = exposureOf(service);
  const scopes = scopesOf(service);
  if (exposes("ClusterIP")) {
    const sorted = service.clusterIps.toSorted((a, b) =>
      compareText(a.text, b.text)
    );
    for (const ip of sorted) add("ClusterIP", ip, SCOPE.external);
  }
  const hasNodePorts = service.type === "NodePort" ||
    service.type === "LoadBalancer";
  if (config.kubeProxyReplacement && hasNodePorts && exposes("NodePort")) {
    for (const scope of scopes) {
      for (const family of familiesOf(service)) {
        add("NodePort", ANY_ADDRESS[family], scope);
      }
    }
  }
  if (service.type === "LoadBalancer" && exposes("LoadBalancer")) {
    for (const { ip, mode } of service.loadBalancerIps) {
      if (mode !== "VIP") continue;
      for (const scope of scopes) add("LoadBalancer", ip, scope);
    }
  }
  for (const ip of service.externalIps) add("ExternalIPs", ip, SCOPE.external);
  return wishes;
}

function wishOf(
  { name, protocol }: ServicePort,
  { type, ip, number, scope }: {
    readonly type: LbType;
    readonly ip: Ip;
    readonly number: number;
    readonly scope: 0 | 1;
  },
): FrontendWish {
  const address = { ip, port: number, protocol, scope };
  return { type, address, portName: name };
}

/** `service.cilium.io/node`: only nodes with the same value of that label have the service (CheckServiceNodeExposure). */
function isExposedTo(service: Service, { nodeLabels }: LbConfig): boolean {
  const key = "service.cilium.io/node";
  const wanted = service.annotations[key];
  return wanted === undefined || nodeLabels[key] === wanted;
}

function isHeadless(service: Service): boolean {
  return service.headless || Object.hasOwn(service.labels, HEADLESS_LABEL);
}

/** `service.cilium.io/type` narrows what a service is exposed as. */
function exposureOf(service: Service): (type: LbType) => boolean {
  const text = annotation(service.annotations, "type");
  if (text === undefined) return () => true;
  const wanted = text.split(",").map((word) => word.trim());
  return (type) => wanted.includes(type.toLowerCase());
}

/** Two scopes where the two traffic policies differ, each with backends of its own. */
function scopesOf(service: Service): (0 | 1)[] {
  const differ = service.externalTrafficPolicy !==
    service.internalTrafficPolicy;
  return differ ? [SCOPE.external, SCOPE.internal] : [SCOPE.external];
}

function familiesOf({ families, clusterIps }: Service): (4 | 6)[] {
  if (families !== undefined && families.length > 0) return [...families];
  return ([4, 6] as const).filter((family) =>
    clusterIps.some((ip) => ip.family === family)
  );
}
