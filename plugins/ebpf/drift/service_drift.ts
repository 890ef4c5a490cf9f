import { formatEndpoint } from "../../../core/packet/walking_packet.ts";
import { compareText } from "../../../core/policy/compare_text.ts";
import { placeOf } from "../dumps/entry_places.ts";
import {
  backendInSlot,
  type FoundService,
  frontendOfId,
  frontendsIn,
} from "../maps/lb/find_service.ts";
import { fillServices } from "../maps/lb/fill_services.ts";
import { addressText } from "../maps/lb/lb_address.ts";
import { LB_DEFAULTS, type LbConfig } from "../maps/lb/lb_config.ts";
import { type LbMaps, serviceKey } from "../maps/lb/lb_maps.ts";
import { flagWords, typeOfFlags } from "../maps/lb/service_flags.ts";
import { MAGLEV_DEFAULTS } from "../maps/lb/maglev.ts";
import type { Comparison, MapDrift, MapDriftReport } from "./map_drift.ts";

const ZONE = "topology.kubernetes.io/zone";

/** Frontends with their backends, flags and reverse translations. */
export function serviceDrift(
  { path, maps, ground }: Comparison,
): MapDriftReport {
  const { services: live, listed } = maps;
  if (live === null) return { drifts: [], same: 0, unknown: [] };
  const { cluster, node } = ground;
  const tables = fillServices(cluster, {
    config: configOf(path),
    addresses: [...node.internalIps, ...node.externalIps]
      .map((ip) => ({ ip, nodePort: true })),
  });
  const owners = new Map(
    tables.frontends.map(({ address, service }) => [
      addressText(address),
      `Service ${service.name}`,
    ]),
  );
  const drifts: MapDrift[] = [];
  const unknown: string[] = [];
  let same = 0;
  for (const family of [4, 6] as const) {
    const name = `cilium_lb${family}_services_v2`;
    if (!maps.maps.has(name)) continue;
    const found = byAddress(live, family);
    const wanted = byAddress(tables.maps, family);
    const backends = maps.maps.has(`cilium_lb${family}_backends_v3`);
    if (!backends) unknown.push(`no dump has cilium_lb${family}_backends_v3`);
    for (const [entry, service] of wanted) {
      const there = found.get(entry);
      const owner = owners.get(entry) ?? null;
      if (there === undefined) {
        drifts.push({
          kind: "missing",
          map: name,
          entry,
          detail: owner,
          at: null,
        });
        continue;
      }
      const detail = difference(
        { maps: live, service: there },
        { maps: tables.maps, service },
        { backends, listed },
      );
      if (detail === null) same++;
      else {
        const at = placeOf(
          live[family].services,
          serviceKey(there.address, 0),
        ) ?? null;
        drifts.push({ kind: "different", map: name, entry, detail, at });
      }
    }
    for (const [entry, { address, flags }] of found) {
      if (wanted.has(entry)) continue;
      const type = typeOfFlags(flags);
      if (type === "LocalRedirect") {
        unknown.push(`${name} ${entry} is redirected locally`);
        continue;
      }
      const at = placeOf(live[family].services, serviceKey(address, 0)) ?? null;
      drifts.push({ kind: "stale", map: name, entry, detail: type, at });
    }
    if (maps.maps.has(`cilium_lb${family}_reverse_nat`)) {
      drifts.push(...reverseDrift(live, found.values(), family));
    }
  }
  return { drifts, same, unknown };
}

function configOf({ settings, node }: Comparison["path"]): LbConfig {
  return {
    ...LB_DEFAULTS,
    node: node.name,
    nodeLabels: node.labels,
    zone: node.labels[ZONE] ?? null,
    kubeProxyReplacement: settings.kubeProxyReplacement,
    tunnel: settings.tunnel !== null,
    algorithm: settings.maglev === null ? "random" : "maglev",
    mode: settings.forwarding.mode,
    externalClusterIp: settings.externalClusterIp,
    sourceRangeAllTypes: settings.rangesForAll,
    maglev: settings.maglev ?? MAGLEV_DEFAULTS,
  };
}

function byAddress(maps: LbMaps, family: 4 | 6): Map<string, FoundService> {
  return new Map(
    frontendsIn(maps, family)
      .map((service) => [addressText(service.address), service] as const)
      .sort(([a], [b]) => compareText(a, b)),
  );
}

/** A frontend in the maps it was found in. */
interface Placed {
  readonly maps: LbMaps;
  readonly service: FoundService;
}

/** In what two frontends differ; null when in nothing that counts. */
function difference(
  live: Placed,
  wanted: Placed,
  { backends, listed }: {
    readonly backends: boolean;
    /** A list tells neither terminating backends nor times of affinity. */
    readonly listed: boolean;
  },
): string | null {
  const words = ({ service }: Placed) => flagWords(service.flags).join(", ");
  if (words(live) !== words(wanted)) {
    return `${words(live)} in place of ${words(wanted)}`;
  }
  const timeout = ({ service }: Placed) => service.affinityTimeoutS;
  if (!listed && timeout(live) !== timeout(wanted)) {
    return `affinity for ${timeout(live)} s in place of ${timeout(wanted)} s`;
  }
  if (!backends) return null;
  const slots = (placed: Placed) => slotsOf(placed, listed);
  const found = slots(live);
  const expected = slots(wanted);
  return found === expected
    ? null
    : `backends ${found || "none"} in place of ${expected || "none"}`;
}

function slotsOf(
  { maps, service }: Placed,
  all: boolean,
): string {
  const last = service.count + (all ? service.terminating : 0);
  const texts: string[] = [];
  for (let slot = 1; slot <= last; slot++) {
    const backend = backendInSlot(maps, service, slot);
    texts.push(
      backend === undefined
        ? "no such backend"
        : formatEndpoint(backend.ip, backend.port),
    );
  }
  return texts.sort().join(", ");
}

/** Ids of frontends that are not translated back, or to another address. */
function reverseDrift(
  maps: LbMaps,
  services: Iterable<FoundService>,
  family: 4 | 6,
): MapDrift[] {
  const map = `cilium_lb${family}_reverse_nat`;
  const drifts: MapDrift[] = [];
  for (const { id, address } of services) {
    const wanted = formatEndpoint(address.ip, address.port);
    const found = frontendOfId(maps, family, id);
    const entry = `${id}`;
    if (found === undefined) {
      drifts.push({ kind: "missing", map, entry, detail: wanted, at: null });
      continue;
    }
    const text = formatEndpoint(found.ip, found.port);
    if (text !== wanted) {
      const detail = `${text} in place of ${wanted}`;
      drifts.push({ kind: "different", map, entry, detail, at: null });
    }
  }
  return drifts;
}
