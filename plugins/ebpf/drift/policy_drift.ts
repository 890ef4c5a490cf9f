import type { Pod } from "../../../core/cluster/model.ts";
import type { Ip } from "../../../core/packet/ip.ts";
import { placeOf } from "../dumps/entry_places.ts";
import { policyMapName } from "../dumps/loaded_dumps.ts";
import { prefixText } from "../live/live_policy.ts";
import { type Identity, policyEntries } from "../maps/policy/policy_entries.ts";
import { PolicyMap, type PolicyValue } from "../maps/policy/policy_map.ts";
import type { Parser } from "../maps/policy/precedence.ts";
import { POLICY_KEY } from "../maps/policy_layouts.ts";
import { newCiliumMap } from "../maps/cilium_maps.ts";
import type { Comparison, MapDrift, MapDriftReport } from "./map_drift.ts";

/** Ports of proxies are given out as they are needed: that there is one is all that counts. */
const PROXY_PORTS: Readonly<Record<Parser, number>> = {
  http: 1,
  tls: 1,
  dns: 1,
  other: 1,
};

/**
 * Policy maps of the node's endpoints. What an agent leaves out of a map
 * because another entry says the same is no drift, so each entry of either
 * side is asked of both.
 */
export function policyDrift(comparison: Comparison): MapDriftReport {
  const { policies } = comparison.maps;
  const { ground: { cluster, node }, path } = comparison;
  if (policies.size === 0) return { drifts: [], same: 0, unknown: [] };
  const { known, doubtful } = identitiesOf(comparison);
  const drifts: MapDrift[] = [];
  const unknown: string[] = [];
  const met = new Set<number>();
  let same = 0;
  for (const pod of cluster.podsOn(node.name)) {
    const [ip] = pod.ips;
    if (!pod.running || pod.hostNetwork || ip === undefined) continue;
    const endpoint = path.live?.endpointOf(ip);
    const live = endpoint === undefined ? undefined : policies.get(endpoint);
    if (endpoint === undefined || live === undefined) continue;
    met.add(endpoint);
    const { map: wanted, unmodelled } = wantedMap(pod, { comparison, known });
    if (unmodelled.length > 0) {
      unknown.push(
        `${policyMapName(endpoint)}: ${unmodelled.join("; ")}`,
      );
      continue;
    }
    const found = compare({ live, wanted, doubtful, endpoint });
    drifts.push(...found.drifts);
    unknown.push(...found.unknown);
    same += found.same;
  }
  for (const endpoint of policies.keys()) {
    if (met.has(endpoint)) continue;
    unknown.push(
      `${policyMapName(endpoint)}: nothing says which pod's it is`,
    );
  }
  return { drifts, same, unknown };
}

function wantedMap(
  pod: Pod,
  { comparison: { path }, known }: {
    readonly comparison: Comparison;
    readonly known: readonly Identity[];
  },
): { readonly map: PolicyMap; readonly unmodelled: readonly string[] } {
  const subject = path.index.partyOf(pod);
  const { entries, unmodelled } = policyEntries({
    subject,
    rules: {
      ingress: path.index.rulesOf(subject, "ingress"),
      egress: path.index.rulesOf(subject, "egress"),
    },
    identities: known,
    proxyPorts: PROXY_PORTS,
    allowLocalhost: true,
    sctp: false,
    anyone: [0],
  });
  const map = new PolicyMap(newCiliumMap("cilium_policy_v2", {
    maxEntries: Math.max(1, entries.length),
  }));
  map.write(entries);
  return { map, unmodelled };
}

/** Every identity that has a number in the dumps, and those that nobody can be told by. */
function identitiesOf(
  { path, maps, ground }: Comparison,
): {
  readonly known: readonly Identity[];
  readonly doubtful: ReadonlySet<number>;
} {
  const identities = path.live!.identities;
  const [own] = ground.node.internalIps;
  const known = new Map<number, Identity>();
  const doubtful = new Set<number>();
  const meet = (number: number, ip: Ip | undefined) => {
    if (number === 0 || known.has(number)) return;
    const party = ip === undefined ? undefined : identities.partyOf(number, ip);
    if (party === undefined) doubtful.add(number);
    else known.set(number, { identity: number, party });
  };
  for (const [number, ip] of identities.addresses()) meet(number, ip);
  for (const number of maps.identities.keys()) meet(number, own);
  for (const map of maps.policies.values()) {
    for (const { key } of map.map.entries()) {
      meet(POLICY_KEY.decode(key).sec_label, own);
    }
  }
  for (const number of known.keys()) doubtful.delete(number);
  return { known: [...known.values()], doubtful };
}

function compare(
  { live, wanted, doubtful, endpoint }: {
    readonly live: PolicyMap;
    readonly wanted: PolicyMap;
    readonly doubtful: ReadonlySet<number>;
    readonly endpoint: number;
  },
): MapDriftReport {
  const map = policyMapName(endpoint);
  const drifts: MapDrift[] = [];
  const unknown: string[] = [];
  let same = 0;
  const keys = (of: PolicyMap) =>
    new Map(
      [...of.map.entries()].map(({ key }) => [keyText(key), key] as const),
    );
  const there = keys(live);
  const expected = keys(wanted);
  for (const [entry, key] of new Map([...expected, ...there])) {
    const { sec_label } = POLICY_KEY.decode(key);
    if (doubtful.has(sec_label)) {
      unknown.push(`${map}: who identity ${sec_label} is is not known`);
      continue;
    }
    const found = answerOf(live, key);
    const right = answerOf(wanted, key);
    if (found === right) {
      same++;
      continue;
    }
    drifts.push({
      kind: !expected.has(entry)
        ? "stale"
        : there.has(entry)
        ? "different"
        : "missing",
      map,
      entry,
      detail: `${found} in place of ${right}`,
      at: placeOf(live.map, key) ?? null,
    });
  }
  return { drifts, same, unknown };
}

/** What a map says to the packets of a key that no longer prefix has. */
function answerOf(map: PolicyMap, bytes: Uint8Array): string {
  const { sec_label, egress, protocol, dport } = POLICY_KEY.decode(bytes);
  const value = map.find({
    identity: sec_label,
    egress: egress === 1,
    protocol,
    port: dport,
  });
  return value === undefined ? "denied for want of an entry" : valueText(value);
}

function valueText({ deny, proxy_port, auth_type }: PolicyValue): string {
  if (deny === 1) return "deny";
  return [
    proxy_port === 0 ? "allow" : "allow by the proxy",
    ...(auth_type === 0 ? [] : [`authentication ${auth_type}`]),
  ].join(", ");
}

/** `ingress 7001 8080/TCP`. */
function keyText(bytes: Uint8Array): string {
  const key = POLICY_KEY.decode(bytes);
  const whom = key.sec_label === 0 ? "any" : `${key.sec_label}`;
  return `${key.egress === 1 ? "egress" : "ingress"} ${whom} ${
    prefixText(key)
  }`;
}
