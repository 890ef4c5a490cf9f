import {
  type BpfMap,
  bytesText,
  checkSizes,
  type MapEntry,
  type MapErrno,
  type MapSpec,
  refusal,
  type UpdateFlag,
} from "./bpf_map.ts";

/**
 * BPF_MAP_TYPE_LRU_HASH (kernel/bpf/bpf_lru_list.c): a full map throws out the
 * entry longest unused. The kernel approximates that with lists for each CPU
 * and a reference bit; here it is exact, so that a replay repeats itself.
 */
export class LruHashMap implements BpfMap {
  readonly spec: MapSpec;
  /** In order of insertion. */
  readonly #entries = new Map<string, MapEntry>();
  /** The same keys, longest unused first. */
  readonly #uses = new Set<string>();

  /** An empty map. */
  constructor(spec: MapSpec) {
    this.spec = spec;
  }

  get size(): number {
    return this.#entries.size;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    checkSizes(this.spec, key);
    const text = bytesText(key);
    const entry = this.#entries.get(text);
    if (entry !== undefined) this.#use(text);
    return entry?.value;
  }

  /** The value without counting as a use: a lookup from user space (htab_lru_map_lookup_elem_sys). */
  peek(key: Uint8Array): Uint8Array | undefined {
    checkSizes(this.spec, key);
    return this.#entries.get(bytesText(key))?.value;
  }

  update(
    key: Uint8Array,
    value: Uint8Array,
    flag: UpdateFlag = "any",
  ): MapErrno | undefined {
    checkSizes(this.spec, key, value);
    const text = bytesText(key);
    const exists = this.#entries.has(text);
    const refused = refusal(flag, exists);
    if (refused !== undefined) return refused;
    if (!exists && this.#entries.size >= this.spec.maxEntries) this.#evict();
    this.#entries.set(text, { key: key.slice(), value: value.slice() });
    this.#use(text);
    return undefined;
  }

  delete(key: Uint8Array): MapErrno | undefined {
    checkSizes(this.spec, key);
    const text = bytesText(key);
    this.#uses.delete(text);
    return this.#entries.delete(text) ? undefined : "ENOENT";
  }

  entries(): Iterable<MapEntry> {
    return this.#entries.values();
  }

  #use(text: string): void {
    this.#uses.delete(text);
    this.#uses.add(text);
  }

  #evict(): void {
    const [oldest] = this.#uses;
    if (oldest === undefined) return;
    this.#uses.delete(oldest);
    this.#entries.delete(oldest);
  }
}
