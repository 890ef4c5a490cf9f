import type { SourcePosition } from "../../../core/source.ts";
import { type BpfMap, bytesText } from "../maps/bpf_map.ts";

/** Where entries of a map that was read from a dump stand in it, by key. */
const places = new WeakMap<BpfMap, Map<string, SourcePosition>>();

/** Notes where an entry was read. */
export function notePlace(
  map: BpfMap,
  key: Uint8Array,
  at: SourcePosition | undefined,
): void {
  if (at === undefined) return;
  let known = places.get(map);
  if (known === undefined) places.set(map, known = new Map());
  known.set(bytesText(key), at);
}

/** Where the entry under a key was read; undefined of a map that was computed. */
export function placeOf(
  map: BpfMap,
  key: Uint8Array,
): SourcePosition | undefined {
  return places.get(map)?.get(bytesText(key));
}
