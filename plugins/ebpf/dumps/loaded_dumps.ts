import { InputError } from "../../../core/errors.ts";
import type { EventTypes } from "../../../core/event.ts";
import type { DumpFormat } from "../../../core/import/dump_format.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import { LbMaps } from "../maps/lb/lb_maps.ts";
import { PolicyMap } from "../maps/policy/policy_map.ts";
import { mapNameOf, readBpftoolMap } from "./bpftool_map.ts";
import { readCtList } from "./ct_list.ts";
import { readEndpointList } from "./endpoint_list.ts";
import { type IdentityLabels, readIdentityList } from "./identity_list.ts";
import { readIpcacheList } from "./ipcache_list.ts";
import { readLbList } from "./lb_list.ts";
import { readMaglevList } from "./maglev_list.ts";
import { readPolicyList, readPolicyLists } from "./policy_list.ts";

/** Formats of dumps that stand in for what would be computed. */
const MAP_DUMPS: readonly DumpFormat[] = [
  "cilium-bpf-lb",
  "cilium-bpf-maglev",
  "cilium-bpf-policy",
  "cilium-bpf-ipcache",
  "cilium-bpf-endpoint",
  "cilium-bpf-ct",
  "cilium-identity",
  "bpftool-map",
];

/** A dump as its event carried it. */
export type LoadedDump = EventTypes["dump.loaded"];

/** What dumps say of a node; what is not among the maps has to be computed. */
export interface NodeMaps {
  /** By the names that they are pinned under. */
  readonly maps: ReadonlyMap<string, BpfMap>;
  /** Services and what belongs to them; null where no map of services was dumped. */
  readonly services: LbMaps | null;
  /** The services are a list's, which tells neither terminating backends from others nor times of affinity. */
  readonly listed: boolean;
  readonly ipcache: BpfMap | null;
  readonly endpoints: BpfMap | null;
  /** Policy maps by the number of their endpoint. */
  readonly policies: ReadonlyMap<number, PolicyMap>;
  readonly connections: readonly BpfMap[];
  /** Of all lists; identities are the cluster's, but for those of prefixes. */
  readonly identities: IdentityLabels;
}

/** What one dump was read as. */
interface ReadDump {
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly identities: IdentityLabels;
}

/** What dumps were read as, so that a control change elsewhere does not read them again. */
const read = new WeakMap<LoadedDump, ReadDump>();

/** Maps whose ids, of backends, a list of services makes up itself. */
const LISTED = /^cilium_lb[46]_(?:services_v2|backends_v3)$/;

/** Maps of backends' ids by hash. */
const TABLES = ["cilium_lb4_maglev", "cilium_lb6_maglev"] as const;

/** Maps of connections. */
const CONNECTIONS = /^cilium_ct(?:_any)?[46]_global$/;

/** Maps of clients and their backends. */
const AFFINITIES = /^cilium_lb[46]_affinity$/;

/** Whether a dump is one of these. */
export function isMapDump({ format }: Pick<LoadedDump, "format">): boolean {
  return MAP_DUMPS.some((known) => known === format);
}

/** Whether a dump is of a map of Cilium's that nothing is read from. */
export function isOfUnknownMap(
  { format, source: { file } }: Pick<LoadedDump, "format" | "source">,
): boolean {
  return format === "bpftool-map" && mapNameOf(file) === undefined &&
    /cilium_[a-z0-9_]+/.test(file.split("/").at(-1) ?? "");
}

/** Whether a dump has what packets leave behind, connections or clients' backends, and not what an agent writes. */
export function isOfState(
  { format, source }: Pick<LoadedDump, "format" | "source">,
): boolean {
  if (format === "cilium-bpf-ct") return true;
  const name = format === "bpftool-map" ? mapNameOf(source.file) ?? "" : "";
  return CONNECTIONS.test(name) || AFFINITIES.test(name);
}

/**
 * What all dumps so far say of one node, the later one of the same map before
 * the earlier. Throws an {@link InputError} at the first that cannot be read.
 */
export function nodeMaps(
  dumps: readonly LoadedDump[],
  node: string,
): NodeMaps {
  const maps = new Map<string, BpfMap>();
  const identities = new Map<number, readonly string[]>();
  let listed = false;
  for (const dump of dumps) {
    if (dump.node !== null && dump.node !== node) continue;
    const found = readDump(dump);
    const lists = dump.format === "cilium-bpf-lb";
    // Ids of a list and of a dumped map are not each other's.
    if (lists !== listed && [...found.maps.keys()].some(isListed)) {
      for (const name of [...maps.keys()].filter(isListed)) maps.delete(name);
      listed = lists;
    }
    for (const [name, map] of found.maps) maps.set(name, map);
    for (const [id, labels] of found.identities) identities.set(id, labels);
  }
  // A table of ids that a list does not have says nothing.
  if (listed) { for (const name of TABLES) maps.delete(name); }
  const policies = new Map<number, PolicyMap>();
  for (const [name, map] of maps) {
    const endpoint = /^cilium_policy_v2_(\d{5})$/.exec(name)?.[1];
    if (endpoint !== undefined) {
      policies.set(Number(endpoint), new PolicyMap(map));
    }
  }
  const names = [...maps.keys()];
  const services = names.some((name) => /_services_v2$/.test(name))
    ? new LbMaps({ maxEntries: LIMITS.mapDumpEntries, given: maps })
    : null;
  return {
    maps,
    services,
    listed,
    ipcache: maps.get("cilium_ipcache_v2") ?? null,
    endpoints: maps.get("cilium_lxc") ?? null,
    policies,
    connections: names.filter((name) => CONNECTIONS.test(name)).sort()
      .map((name) => maps.get(name)!),
    identities,
  };
}

function isListed(name: string): boolean {
  return LISTED.test(name);
}

function readDump(dump: LoadedDump): ReadDump {
  let known = read.get(dump);
  if (known === undefined) read.set(dump, known = readAny(dump));
  return known;
}

function readAny({ format, text, source }: LoadedDump): ReadDump {
  const { file } = source;
  const none: IdentityLabels = new Map();
  const only = (maps: readonly BpfMap[]): ReadDump => ({
    maps: new Map(maps.map((map) => [map.spec.name, map])),
    identities: none,
  });
  switch (format as DumpFormat) {
    case "cilium-bpf-lb": {
      // The list has no other maps than these; what else there is stays computed.
      const { all } = readLbList(text, { file });
      return only(all.filter(({ spec }) => isListed(spec.name)));
    }
    case "cilium-bpf-maglev": {
      const { v4, v6 } = readMaglevList(text, { file });
      return only([v4, v6]);
    }
    case "cilium-bpf-ipcache":
      return only([readIpcacheList(text, { file })]);
    case "cilium-bpf-endpoint":
      return only([readEndpointList(text, { file })]);
    case "cilium-bpf-ct": {
      const { tcp4, any4, tcp6, any6 } = readCtList(text, { file });
      return only([tcp4, any4, tcp6, any6]);
    }
    case "cilium-bpf-policy":
      return { maps: policiesOf(text, file), identities: none };
    case "cilium-identity":
      return {
        maps: new Map(),
        identities: readIdentityList(text, { file }),
      };
    case "bpftool-map": {
      if (isOfUnknownMap({ format, source })) return only([]);
      const name = mapNameOf(file) ?? file;
      return {
        maps: new Map([[name, readBpftoolMap(text, { file, name })]]),
        identities: none,
      };
    }
    default:
      return only([]);
  }
}

/** Of `get --all`, the maps of all endpoints; else the one whose number is the last in the file's name. */
function policiesOf(text: string, file: string): Map<string, BpfMap> {
  if (/"EndpointID"/.test(text)) {
    return new Map(
      readPolicyLists(text, { file })
        .map(({ endpoint, map }) => [policyMapName(endpoint), map]),
    );
  }
  const number = /(\d{1,5})\D*$/.exec(file.split("/").at(-1) ?? "")?.[1];
  if (number === undefined) {
    throw new InputError([{
      message:
        `Cannot read a policy map: ${file} does not say which endpoint's it is`,
      at: { file, line: 1, column: 1 },
      expected:
        "the endpoint's number last in the file's name, as in policy-123.json, or bpf policy get --all",
    }]);
  }
  const { map } = readPolicyList(text, { file });
  return new Map([[policyMapName(Number(number)), map]]);
}

/** The name that an endpoint's policy map is pinned under. */
export function policyMapName(endpoint: number): string {
  return `cilium_policy_v2_${`${endpoint}`.padStart(5, "0")}`;
}
