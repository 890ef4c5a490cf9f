import { invariant } from "../../../core/errors.ts";
import {
  type BpfMap,
  bytesText,
  type MapEntry,
  type MapErrno,
  type MapSpec,
  type UpdateFlag,
} from "./bpf_map.ts";
import { HashMap } from "./hash_map.ts";

/**
 * BPF_MAP_TYPE_HASH_OF_MAPS (kernel/bpf/map_in_map.c): user space puts maps in
 * and reads their ids; a program's lookup gives the inner map.
 */
export class MapOfMaps implements BpfMap {
  readonly spec: MapSpec;
  readonly #outer: HashMap;
  readonly #inner = new Map<number, BpfMap>();
  #lastId = 0;

  /** An empty map; its values are ids of 4 bytes. */
  constructor(spec: MapSpec) {
    invariant(spec.valueBytes === 4, `${spec.name} holds ids of 4 bytes`);
    this.spec = spec;
    this.#outer = new HashMap(spec);
  }

  get size(): number {
    return this.#outer.size;
  }

  /** The id of the inner map, as a dump shows it. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    return this.#outer.lookup(key);
  }

  find(key: Uint8Array): MapEntry | undefined {
    return this.#outer.find(key);
  }

  /** The inner map, as a program gets it. */
  inner(key: Uint8Array): BpfMap | undefined {
    const id = this.#outer.lookup(key);
    return id === undefined ? undefined : this.#inner.get(idOf(id));
  }

  /** Puts a map in under an id of its own; what was there goes away with its last user. */
  install(
    key: Uint8Array,
    map: BpfMap,
    flag: UpdateFlag = "any",
  ): MapErrno | undefined {
    const before = this.#outer.lookup(key);
    const id = ++this.#lastId;
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, id, true);
    const refused = this.#outer.update(key, value, flag);
    if (refused !== undefined) return refused;
    if (before !== undefined) this.#inner.delete(idOf(before));
    this.#inner.set(id, map);
    return undefined;
  }

  /** Takes the id of a map that is known, else the kernel knows no such file descriptor. */
  update(
    key: Uint8Array,
    value: Uint8Array,
    flag: UpdateFlag = "any",
  ): MapErrno | undefined {
    const map = this.#inner.get(idOf(value));
    return map === undefined ? "EINVAL" : this.install(key, map, flag);
  }

  delete(key: Uint8Array): MapErrno | undefined {
    const before = this.#outer.lookup(key);
    const refused = this.#outer.delete(key);
    if (before !== undefined) this.#inner.delete(idOf(before));
    return refused;
  }

  entries(): Iterable<MapEntry> {
    return this.#outer.entries();
  }

  /** Keys with the maps behind them. */
  *innerEntries(): Iterable<
    { readonly key: Uint8Array; readonly map: BpfMap }
  > {
    for (const { key, value } of this.#outer.entries()) {
      const map = this.#inner.get(idOf(value));
      invariant(map !== undefined, `no inner map for ${bytesText(key)}`);
      yield { key, map };
    }
  }
}

function idOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getUint32(0, true);
}
