import { InternalError } from "../../../core/errors.ts";
import { ArrayMap } from "./array_map.ts";
import type { BpfMap, MapSpec } from "./bpf_map.ts";
import { HashMap } from "./hash_map.ts";
import { LpmTrie } from "./lpm_trie.ts";
import { MapOfMaps } from "./map_of_maps.ts";

/** An empty map of whatever kind a specification asks for. */
export function createMap(spec: MapSpec): BpfMap {
  switch (spec.type) {
    case "hash":
    case "percpu_hash":
    case "lru_hash":
    case "lru_percpu_hash":
      return new HashMap(spec);
    case "array":
    case "percpu_array":
      return new ArrayMap(spec);
    case "lpm_trie":
      return new LpmTrie(spec);
    case "hash_of_maps":
      return new MapOfMaps(spec);
    case "array_of_maps":
    case "prog_array":
    case "perf_event_array":
      throw new InternalError(`maps of type ${spec.type} are not modelled`);
  }
}
