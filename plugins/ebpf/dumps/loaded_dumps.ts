import type { EventTypes } from "../../../core/event.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import { LbMaps } from "../maps/lb/lb_maps.ts";
import { PolicyMap } from "../maps/policy/policy_map.ts";
import { mapNameOf, readBpftoolMap } from "./bpftool_map.ts";
import { type ConnectionMaps, readCtList } from "./ct_list.ts";
import { readIpcacheList } from "./ipcache_list.ts";
import { readLbList } from "./lb_list.ts";
import { readPolicyList, readPolicyLists } from "./policy_list.ts";

/** Formats of dumps that stand in for what would be computed. */
export const DUMP_FORMATS = [
  "cilium-bpf-policy",
  "cilium-bpf-lb",
  "cilium-bpf-ipcache",
  "cilium-bpf-ct",
  "bpftool-map",
] as const;

/** A dump as its event carried it. */
export type LoadedDump = EventTypes["dump.loaded"];

/** What dumps say of a node; what is null has to be computed. */
export interface NodeMaps {
  readonly services: LbMaps | null;
  readonly ipcache: BpfMap | null;
  readonly endpoints: BpfMap | null;
  /** Policy maps by the number of their endpoint. */
  readonly policies: ReadonlyMap<number, PolicyMap>;
  readonly connections: ConnectionMaps | null;
}

/** Whether a dump is one of these. */
export function isMapDump({ format }: Pick<LoadedDump, "format">): boolean {
  return DUMP_FORMATS.some((known) => known === format);
}

/**
 * What all dumps so far say of one node, the later one of the same map before
 * the earlier. Throws an {@link InputError} at the first that cannot be read.
 */
export function nodeMaps(
  dumps: readonly LoadedDump[],
  node: string,
): NodeMaps {
  const raw = new Map<string, BpfMap>();
  const policies = new Map<number, PolicyMap>();
  let services: LbMaps | null = null;
  let ipcache: BpfMap | null = null;
  let connections: ConnectionMaps | null = null;
  for (const dump of dumps) {
    if (dump.node !== null && dump.node !== node) continue;
    const { text, source: { file } } = dump;
    switch (dump.format) {
      case "cilium-bpf-lb":
        services = readLbList(text, { file });
        break;
      case "cilium-bpf-ipcache":
        ipcache = readIpcacheList(text, { file });
        break;
      case "cilium-bpf-ct":
        connections = readCtList(text, { file });
        break;
      case "cilium-bpf-policy":
        for (const [endpoint, map] of policiesOf(text, file)) {
          policies.set(endpoint, map);
        }
        break;
      case "bpftool-map": {
        const name = mapNameOf(file) ?? file;
        const map = readBpftoolMap(text, { file, name });
        raw.set(name, map);
        const endpoint = /^cilium_policy_v2_(\d{5})$/.exec(name)?.[1];
        if (endpoint !== undefined) {
          policies.set(Number(endpoint), new PolicyMap(map));
        }
      }
    }
  }
  const hasServices = [...raw.keys()].some((name) =>
    /^cilium_lb[46]_services_v2$/.test(name)
  );
  return {
    services: hasServices
      ? new LbMaps({ maxEntries: LIMITS.mapDumpEntries, given: raw })
      : services,
    ipcache: raw.get("cilium_ipcache_v2") ?? ipcache,
    endpoints: raw.get("cilium_lxc") ?? null,
    policies,
    connections,
  };
}

/** Of `get --all`, the maps of all endpoints; else the one whose number is the last in the file's name. */
function policiesOf(text: string, file: string): [number, PolicyMap][] {
  if (/"EndpointID"/.test(text)) {
    return readPolicyLists(text, { file })
      .map(({ endpoint, map }) => [endpoint, new PolicyMap(map)]);
  }
  const endpoint = Number(file.match(/\d+/g)?.at(-1) ?? 0);
  return [[endpoint, new PolicyMap(readPolicyList(text, { file }).map)]];
}
