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
 * BPF_MAP_TYPE_HASH (kernel/bpf/hashtab.c): a full map takes no new key. The
 * kernel's order is that of its buckets, seeded at random; here it is that of
 * insertion.
 */
export class HashMap implements BpfMap {
  readonly spec: MapSpec;
  readonly #entries = new Map<string, MapEntry>();

  /** An empty map. */
  constructor(spec: MapSpec) {
    this.spec = spec;
  }

  get size(): number {
    return this.#entries.size;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
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
    if (!exists && this.#entries.size >= this.spec.maxEntries) return "E2BIG";
    this.#entries.set(text, { key: key.slice(), value: value.slice() });
    return undefined;
  }

  delete(key: Uint8Array): MapErrno | undefined {
    checkSizes(this.spec, key);
    return this.#entries.delete(bytesText(key)) ? undefined : "ENOENT";
  }

  entries(): Iterable<MapEntry> {
    return this.#entries.values();
  }
}
