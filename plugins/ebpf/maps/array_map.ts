import {
  type BpfMap,
  checkSizes,
  type MapEntry,
  type MapErrno,
  type MapSpec,
  type UpdateFlag,
} from "./bpf_map.ts";

/**
 * BPF_MAP_TYPE_ARRAY (kernel/bpf/arraymap.c): every index exists from the
 * start, as zeros, and none goes away.
 */
export class ArrayMap implements BpfMap {
  readonly spec: MapSpec;
  /** Only what was written or looked up; the rest is zeros. */
  readonly #values = new Map<number, Uint8Array>();

  /** An array of zeros. */
  constructor(spec: MapSpec) {
    this.spec = spec;
  }

  get size(): number {
    return this.spec.maxEntries;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    checkSizes(this.spec, key);
    const index = indexOf(key);
    if (index >= this.spec.maxEntries) return undefined;
    let value = this.#values.get(index);
    if (value === undefined) {
      value = new Uint8Array(this.spec.valueBytes);
      this.#values.set(index, value);
    }
    return value;
  }

  find(key: Uint8Array): MapEntry | undefined {
    const value = this.lookup(key);
    return value === undefined ? undefined : { key, value };
  }

  update(
    key: Uint8Array,
    value: Uint8Array,
    flag: UpdateFlag = "any",
  ): MapErrno | undefined {
    checkSizes(this.spec, key, value);
    const index = indexOf(key);
    if (index >= this.spec.maxEntries) return "E2BIG";
    if (flag === "noexist") return "EEXIST";
    this.#values.set(index, value.slice());
    return undefined;
  }

  delete(key: Uint8Array): MapErrno {
    checkSizes(this.spec, key);
    return "EINVAL";
  }

  *entries(): Iterable<MapEntry> {
    for (let index = 0; index < this.spec.maxEntries; index++) {
      const key = new Uint8Array(4);
      new DataView(key.buffer).setUint32(0, index, true);
      yield {
        key,
        value: this.#values.get(index) ?? new Uint8Array(this.spec.valueBytes),
      };
    }
  }
}

function indexOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(0, true);
}
