import type { BpfMap, MapSpec, MapType } from "./bpf_map.ts";
import {
  CT4_TUPLE,
  CT6_TUPLE,
  CT_ENTRY,
  LB4_AFFINITY_KEY,
  LB6_AFFINITY_KEY,
  LB_AFFINITY_VALUE,
  NAT4_ENTRY,
  NAT6_ENTRY,
} from "./conntrack_layouts.ts";
import { createMap } from "./create_map.ts";
import {
  ENDPOINT_INFO,
  ENDPOINT_KEY,
  IPCACHE_KEY,
  NODE_KEY,
  NODE_VALUE,
  REMOTE_ENDPOINT_INFO,
} from "./endpoint_layouts.ts";
import type { AnyField, Values } from "./layout.ts";
import {
  BACKEND_KEY,
  LB4_BACKEND,
  LB4_KEY,
  LB4_REVERSE_NAT,
  LB4_SOURCE_RANGE_KEY,
  LB6_BACKEND,
  LB6_KEY,
  LB6_REVERSE_NAT,
  LB6_SOURCE_RANGE_KEY,
  LB_AFFINITY_MATCH,
  LB_SERVICE,
  REVERSE_NAT_KEY,
} from "./lb_layouts.ts";
import {
  AUTH_INFO,
  AUTH_KEY,
  ENCRYPT_STATE,
  METRICS_KEY,
  METRICS_VALUE,
  POLICY_ENTRY,
  POLICY_KEY,
  POLICY_STATS_KEY,
  POLICY_STATS_VALUE,
} from "./policy_layouts.ts";

/** A struct of whatever fields, as far as a dump has to know it. */
export interface AnyLayout {
  readonly name: string;
  readonly size: number;
  readonly fields: Readonly<Record<string, AnyField>>;
  decode(bytes: Uint8Array): Readonly<Record<string, unknown>>;
  encode(values: Values<Record<never, never>>): Uint8Array;
}

/** One of Cilium's maps: its kind, its sizes and what its bytes mean. */
export interface MapDefinition {
  readonly type: MapType;
  /** Null: a plain number. */
  readonly key: AnyLayout | null;
  readonly value: AnyLayout | null;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** As the agent creates it when nothing else is configured. */
  readonly maxEntries: number;
}

/** Maps with known contents by the name they are pinned under; a policy map has its endpoint's number behind it. */
export const CILIUM_MAPS: Readonly<Record<string, MapDefinition>> = {
  cilium_policy_v2: define("lpm_trie", POLICY_KEY, POLICY_ENTRY, 16_384),
  cilium_policystats: define(
    "lru_percpu_hash",
    POLICY_STATS_KEY,
    POLICY_STATS_VALUE,
    65_534,
  ),
  cilium_ipcache_v2: define(
    "lpm_trie",
    IPCACHE_KEY,
    REMOTE_ENDPOINT_INFO,
    512_000,
  ),
  cilium_lxc: define("hash", ENDPOINT_KEY, ENDPOINT_INFO, 65_535),
  cilium_node_map_v2: define("hash", NODE_KEY, NODE_VALUE, 16_384),
  cilium_lb4_services_v2: define("hash", LB4_KEY, LB_SERVICE, 65_536),
  cilium_lb6_services_v2: define("hash", LB6_KEY, LB_SERVICE, 65_536),
  cilium_lb4_backends_v3: define("hash", BACKEND_KEY, LB4_BACKEND, 65_536),
  cilium_lb6_backends_v3: define("hash", BACKEND_KEY, LB6_BACKEND, 65_536),
  cilium_lb4_reverse_nat: define(
    "hash",
    REVERSE_NAT_KEY,
    LB4_REVERSE_NAT,
    65_536,
  ),
  cilium_lb6_reverse_nat: define(
    "hash",
    REVERSE_NAT_KEY,
    LB6_REVERSE_NAT,
    65_536,
  ),
  cilium_lb4_maglev: define("hash_of_maps", REVERSE_NAT_KEY, 4, 65_536),
  cilium_lb6_maglev: define("hash_of_maps", REVERSE_NAT_KEY, 4, 65_536),
  cilium_lb4_affinity: define(
    "lru_hash",
    LB4_AFFINITY_KEY,
    LB_AFFINITY_VALUE,
    65_536,
  ),
  cilium_lb6_affinity: define(
    "lru_hash",
    LB6_AFFINITY_KEY,
    LB_AFFINITY_VALUE,
    65_536,
  ),
  cilium_lb_affinity_match: define("hash", LB_AFFINITY_MATCH, 1, 65_536),
  cilium_lb4_source_range: define("lpm_trie", LB4_SOURCE_RANGE_KEY, 1, 65_536),
  cilium_lb6_source_range: define("lpm_trie", LB6_SOURCE_RANGE_KEY, 1, 65_536),
  cilium_ct4_global: define("lru_hash", CT4_TUPLE, CT_ENTRY, 524_288),
  cilium_ct_any4_global: define("lru_hash", CT4_TUPLE, CT_ENTRY, 262_144),
  cilium_ct6_global: define("lru_hash", CT6_TUPLE, CT_ENTRY, 524_288),
  cilium_ct_any6_global: define("lru_hash", CT6_TUPLE, CT_ENTRY, 262_144),
  cilium_snat_v4_external: define("lru_hash", CT4_TUPLE, NAT4_ENTRY, 524_288),
  cilium_snat_v6_external: define("lru_hash", CT6_TUPLE, NAT6_ENTRY, 524_288),
  cilium_auth_map: define("hash", AUTH_KEY, AUTH_INFO, 524_288),
  cilium_encrypt_state: define("array", 4, ENCRYPT_STATE, 1),
  cilium_metrics: define("percpu_hash", METRICS_KEY, METRICS_VALUE, 1_024),
};

/** The definition of a map, the endpoint's number behind a policy map's name left out. */
export function definitionOf(name: string): MapDefinition | undefined {
  const base = name.replace(/^(cilium_policy_v2)_\d{5}$/, "$1");
  return Object.hasOwn(CILIUM_MAPS, base) ? CILIUM_MAPS[base] : undefined;
}

/** An empty map of Cilium's by its name. */
export function newCiliumMap(
  name: string,
  { maxEntries }: { readonly maxEntries?: number } = {},
): BpfMap {
  const definition = definitionOf(name);
  if (definition === undefined) throw new TypeError(`Cannot create ${name}`);
  return createMap(specOf(name, { ...definition, ...given({ maxEntries }) }));
}

/** What a map is created with. */
export function specOf(name: string, definition: MapDefinition): MapSpec {
  const { type, keyBytes, valueBytes, maxEntries } = definition;
  return { name, type, keyBytes, valueBytes, maxEntries };
}

function given<Fields extends object>(fields: Fields): Partial<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<Fields>;
}

function define(
  type: MapType,
  key: AnyLayout | number,
  value: AnyLayout | number,
  maxEntries: number,
): MapDefinition {
  return {
    type,
    key: typeof key === "number" ? null : key,
    value: typeof value === "number" ? null : value,
    keyBytes: typeof key === "number" ? key : key.size,
    valueBytes: typeof value === "number" ? value : value.size,
    maxEntries,
  };
}
