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
 * BPF_MAP_TYPE_HASH and its LRU twin (kernel/bpf/hashtab.c). A full map takes
 * no new key; a full LRU map throws out the entry longest unused, which the
 * kernel approximates with lists for each CPU and a reference bit
 * (bpf_lru_list.c) and which is exact here, so that a replay repeats itself.
 * The kernel's order is that of its buckets, seeded at random; here it is that
 * of insertion.
 */
export class HashMap implements BpfMap {
  readonly spec: MapSpec;
  /** In order of insertion. */
  readonly #entries = new Map<string, MapEntry>();
  /** The same keys, longest unused first; null where nothing is thrown out. */
  readonly #uses: Set<string> | null;

  /** An empty map. */
  constructor(spec: MapSpec) {
    this.spec = spec;
    this.#uses = spec.type.startsWith("lru_") ? new Set() : null;
  }

  get size(): number {
    return this.#entries.size;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    return this.find(key)?.value;
  }

  find(key: Uint8Array): MapEntry | undefined {
    checkSizes(this.spec, key);
    const text = bytesText(key);
    const entry = this.#entries.get(text);
    if (entry !== undefined) this.#use(text);
    return entry;
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
    if (!exists && this.#entries.size >= this.spec.maxEntries) {
      if (this.#uses === null) return "E2BIG";
      this.#evict(this.#uses);
    }
    this.#entries.set(text, { key: key.slice(), value: value.slice() });
    this.#use(text);
    return undefined;
  }

  delete(key: Uint8Array): MapErrno | undefined {
    checkSizes(this.spec, key);
    const text = bytesText(key);
    this.#uses?.delete(text);
    return this.#entries.delete(text) ? undefined : "ENOENT";
  }

  entries(): Iterable<MapEntry> {
    return this.#entries.values();
  }

  #use(text: string): void {
    if (this.#uses === null) return;
    this.#uses.delete(text);
    this.#uses.add(text);
  }

  #evict(uses: Set<string>): void {
    const [oldest] = uses;
    if (oldest === undefined) return;
    uses.delete(oldest);
    this.#entries.delete(oldest);
  }
}
