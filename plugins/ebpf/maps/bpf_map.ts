import { InternalError } from "../../../core/errors.ts";

/** Kinds of maps by their names in `bpftool map show`; a per-CPU map keeps one value, as a replay has one CPU. */
export type MapType =
  | "hash"
  | "percpu_hash"
  | "lru_hash"
  | "lru_percpu_hash"
  | "array"
  | "percpu_array"
  | "lpm_trie"
  | "hash_of_maps"
  | "array_of_maps"
  | "prog_array"
  | "perf_event_array";

/** Flags of an update: BPF_ANY, BPF_NOEXIST, BPF_EXIST of linux/bpf.h. */
export type UpdateFlag = "any" | "noexist" | "exist";

/** Why the kernel would have refused an operation. */
export type MapErrno = "EINVAL" | "ENOENT" | "EEXIST" | "E2BIG" | "ENOSPC";

/** What a map is made of. */
export interface MapSpec {
  readonly name: string;
  readonly type: MapType;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly maxEntries: number;
}

/** One entry, its bytes as the kernel keeps them. */
export interface MapEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What every kind of map can do. */
export interface BpfMap {
  readonly spec: MapSpec;
  /** Entries in it. */
  readonly size: number;
  /** The value itself, as a program gets a pointer to it; undefined when there is none. */
  lookup(key: Uint8Array): Uint8Array | undefined;
  /** The entry that a lookup answers from, with the key it is under: in a trie another than the one asked for. */
  find(key: Uint8Array): MapEntry | undefined;
  /** Puts an entry in, or says why the kernel would not. */
  update(
    key: Uint8Array,
    value: Uint8Array,
    flag?: UpdateFlag,
  ): MapErrno | undefined;
  /** Takes an entry out, or says why the kernel would not. */
  delete(key: Uint8Array): MapErrno | undefined;
  /** Every entry, in an order that depends on nothing but the operations so far. */
  entries(): Iterable<MapEntry>;
}

/** Bytes as text, to be the key of a JavaScript map. */
export function bytesText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Holds an operation to the sizes of its map, which the kernel takes from the map and not from the caller. */
export function checkSizes(
  spec: MapSpec,
  key: Uint8Array,
  value?: Uint8Array,
): void {
  if (key.length !== spec.keyBytes) {
    throw new InternalError(
      `a key of ${spec.name} has ${spec.keyBytes} bytes, not ${key.length}`,
    );
  }
  if (value !== undefined && value.length !== spec.valueBytes) {
    throw new InternalError(
      `a value of ${spec.name} has ${spec.valueBytes} bytes, not ${value.length}`,
    );
  }
}

/** What the flag of an update says to an entry that is there, or is not. */
export function refusal(
  flag: UpdateFlag,
  exists: boolean,
): MapErrno | undefined {
  if (flag === "noexist" && exists) return "EEXIST";
  if (flag === "exist" && !exists) return "ENOENT";
  return undefined;
}
