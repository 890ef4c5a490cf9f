import { compareText } from "../../../../core/policy/compare_text.ts";
import { addressKey, SCOPE } from "./lb_address.ts";
import type { LbConfig } from "./lb_config.ts";
import type { LbBackend, LbFrontend } from "./lb_frontend.ts";

/** What of a frontend decides its backends. */
type Asker = Omit<LbFrontend, "backends">;

/**
 * The backends of a frontend (pkg/loadbalancer/writer, DefaultSelectBackends):
 * those of its family, protocol and port, less what traffic policies and
 * topology leave out.
 */
export function selectBackends(
  frontend: Asker,
  all: readonly LbBackend[],
  config: LbConfig,
): LbBackend[] {
  const matching = all.filter((backend) => fits(backend, frontend));
  const { distribution } = frontend.service;
  if (config.serviceTopology && distribution === "PreferSameNode") {
    const own = matching.filter(({ node }) => node === config.node);
    if (own.length > 0) return own;
  }
  const local = onlyLocal(frontend)
    ? matching.filter(({ node }) => node === null || node === config.node)
    : matching;
  const { zone } = config;
  const prefersZone = config.serviceTopology && zone !== null &&
    frontend.redirectTo === null &&
    (distribution === "PreferClose" || distribution === "PreferSameZone");
  if (!prefersZone || local.some(({ zoneHints }) => zoneHints.length === 0)) {
    return local;
  }
  const near = local.filter(({ zoneHints }) => zoneHints.includes(zone));
  return near.length > 0 ? near : local;
}

const STATE_ORDER = {
  active: 0,
  terminating: 1,
  "terminating-not-serving": 2,
  quarantined: 3,
  maintenance: 4,
} as const;

/** Backends in the order of their slots: healthy first, then by state, address and port (sortedBackends). */
export function inSlotOrder(backends: readonly LbBackend[]): LbBackend[] {
  return backends.toSorted((a, b) =>
    Number(a.unhealthy) - Number(b.unhealthy) ||
    STATE_ORDER[a.state] - STATE_ORDER[b.state] ||
    compareText(addressKey(a.address), addressKey(b.address))
  );
}

function fits(
  { address, portNames }: LbBackend,
  { address: at, portName }: Asker,
): boolean {
  if (address.protocol !== at.protocol || address.ip.family !== at.ip.family) {
    return false;
  }
  return portName === null || portName === "" || portNames.length === 0 ||
    portNames.includes(portName);
}

/** Which policy counts depends on the kind of the frontend and the scope (shouldUseLocalBackends). */
function onlyLocal({ type, address, service }: Asker): boolean {
  const isPublic = type === "NodePort" || type === "LoadBalancer" ||
    type === "ExternalIPs";
  if (type === "ClusterIP") return service.internalLocal;
  if (!isPublic) return false;
  return address.scope === SCOPE.external
    ? service.externalLocal
    : service.internalLocal;
}
