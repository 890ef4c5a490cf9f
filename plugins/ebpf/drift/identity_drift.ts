import { Cidr, type Ip } from "../../../core/packet/ip.ts";
import { placeOf } from "../dumps/entry_places.ts";
import { kindOf } from "../live/live_identities.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import {
  ENDPOINT_FLAG,
  ENDPOINT_INFO,
  ENDPOINT_KEY,
  FAMILY_NUMBER,
  IPCACHE_KEY,
  IPCACHE_STATIC_BITS,
  REMOTE_ENDPOINT_INFO,
} from "../maps/endpoint_layouts.ts";
import { ipcacheKey } from "../maps/fill_endpoints.ts";
import { findEndpoint, findIdentity } from "../maps/find_endpoint.ts";
import { addressOf } from "../maps/layout.ts";
import type { Comparison, MapDrift, MapDriftReport } from "./map_drift.ts";

const IPCACHE = "cilium_ipcache_v2";
const ENDPOINTS = "cilium_lxc";

/** Addresses of pods and nodes in the ipcache and among the node's endpoints. */
export function identityDrift(comparison: Comparison): MapDriftReport {
  const { ipcache, endpoints } = comparison.maps;
  const reports = [
    ...(ipcache === null ? [] : [ipcacheDrift(ipcache, comparison)]),
    ...(endpoints === null ? [] : [endpointDrift(endpoints, comparison)]),
  ];
  return {
    drifts: reports.flatMap(({ drifts }) => drifts),
    same: reports.reduce((sum, { same }) => sum + same, 0),
    unknown: reports.flatMap(({ unknown }) => unknown),
  };
}

function ipcacheDrift(
  ipcache: BpfMap,
  { path, ground }: Comparison,
): MapDriftReport {
  const drifts: MapDrift[] = [];
  const unknown: string[] = [];
  const wanted = new Set<string>();
  let same = 0;
  const check = (ip: Ip, owner: string) => {
    wanted.add(ip.text);
    const prefix = new Cidr(ip, ip.family === 4 ? 32 : 128);
    const entry = prefix.text;
    const found = ipcache.find(ipcacheKey(prefix));
    const exact = found !== undefined &&
      IPCACHE_KEY.decode(found.key).lpm_key ===
        IPCACHE_STATIC_BITS + prefix.length;
    if (!exact) {
      drifts.push({
        kind: "missing",
        map: IPCACHE,
        entry,
        detail: owner,
        at: null,
      });
      return;
    }
    const detail = identityDifference(ip, { ipcache, path });
    const at = placeOf(ipcache, found.key) ?? null;
    if (detail === null) same++;
    else if (detail.doubt) unknown.push(detail.text);
    else {
      drifts.push({
        kind: "different",
        map: IPCACHE,
        entry,
        detail: detail.text,
        at,
      });
    }
  };
  const { cluster } = ground;
  for (const node of cluster.nodes.values()) {
    for (const ip of node.internalIps) check(ip, `Node ${node.name}`);
  }
  for (const pod of cluster.pods.values()) {
    if (!pod.running || pod.hostNetwork) continue;
    for (const ip of pod.ips) check(ip, `Pod ${pod.namespace}/${pod.name}`);
  }
  drifts.push(...stale(ipcache, wanted));
  return { drifts, same, unknown };
}

/** Addresses that have a pod's identity and no pod. */
function stale(ipcache: BpfMap, wanted: ReadonlySet<string>): MapDrift[] {
  return [...ipcache.entries()].flatMap(({ key, value }): MapDrift[] => {
    const { lpm_key, family, ip6, cluster_id } = IPCACHE_KEY.decode(key);
    const of = family === FAMILY_NUMBER[6] ? 6 : 4;
    const ip = addressOf(ip6, of);
    const { sec_identity, flag_remote_cluster } = REMOTE_ENDPOINT_INFO
      .decode(value);
    const whole = lpm_key === IPCACHE_STATIC_BITS + (of === 4 ? 32 : 128);
    if (
      !whole || wanted.has(ip.text) || kindOf(sec_identity) !== "pod" ||
      cluster_id !== 0 || flag_remote_cluster === 1
    ) return [];
    return [{
      kind: "stale",
      map: IPCACHE,
      entry: `${ip.text}/${of === 4 ? 32 : 128}`,
      detail: `identity ${sec_identity}`,
      at: placeOf(ipcache, key) ?? null,
    }];
  });
}

/** In what the ipcache has an address otherwise; null when in nothing. */
function identityDifference(
  ip: Ip,
  { ipcache, path }: {
    readonly ipcache: BpfMap;
    readonly path: Comparison["path"];
  },
): { readonly text: string; readonly doubt: boolean } | null {
  const { identity, tunnelEndpoint } = findIdentity(ipcache, ip)!;
  const holder = path.holderOf(ip);
  const wanted = path.partyOf(holder);
  const party = path.live?.identities.partyOf(identity, ip);
  if (party === undefined) {
    const text = `who identity ${identity} of ${ip} is is not known`;
    return { text, doubt: true };
  }
  if (path.identityOf(party) !== path.identityOf(wanted)) {
    const text = `identity ${identity} (${
      path.identityOf(party)
    }) in place of ${path.identityOf(wanted)}`;
    return { text, doubt: false };
  }
  if (
    path.settings.tunnel === null || holder.kind !== "pod" ||
    path.isLocalPod(holder)
  ) return null;
  const owner = path.cluster.nodes.get(holder.pod.node);
  const right = tunnelEndpoint !== null &&
    owner?.internalIps.some((own) => own.equals(tunnelEndpoint)) === true;
  if (right || owner === undefined) return null;
  const text = `tunnel to ${tunnelEndpoint ?? "nowhere"} in place of ${
    owner.internalIps[0] ?? owner.name
  }`;
  return { text, doubt: false };
}

function endpointDrift(
  endpoints: BpfMap,
  { ground: { cluster, node } }: Comparison,
): MapDriftReport {
  const drifts: MapDrift[] = [];
  const wanted = new Set<string>();
  let same = 0;
  for (const pod of cluster.podsOn(node.name)) {
    if (!pod.running || pod.hostNetwork) continue;
    for (const ip of pod.ips) {
      wanted.add(ip.text);
      if (findEndpoint(endpoints, ip) !== undefined) same++;
      else {
        const detail = `Pod ${pod.namespace}/${pod.name}`;
        drifts.push({
          kind: "missing",
          map: ENDPOINTS,
          entry: ip.text,
          detail,
          at: null,
        });
      }
    }
  }
  for (const { key, value } of endpoints.entries()) {
    const { ip6, family } = ENDPOINT_KEY.decode(key);
    const ip = addressOf(ip6, family === FAMILY_NUMBER[6] ? 6 : 4);
    const { lxc_id, flags, sec_id } = ENDPOINT_INFO.decode(value);
    const pods = (flags & ENDPOINT_FLAG.host) === 0 &&
      kindOf(sec_id) === "pod";
    if (!pods || wanted.has(ip.text)) continue;
    const at = placeOf(endpoints, key) ?? null;
    const detail = `endpoint ${lxc_id}`;
    drifts.push({ kind: "stale", map: ENDPOINTS, entry: ip.text, detail, at });
  }
  return { drifts, same, unknown: [] };
}
