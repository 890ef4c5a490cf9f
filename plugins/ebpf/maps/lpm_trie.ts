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

/** Bytes of the prefix length in front of every key (struct bpf_lpm_trie_key). */
const LENGTH_BYTES = 4;

/**
 * BPF_MAP_TYPE_LPM_TRIE (kernel/bpf/lpm_trie.c): a key is a number of bits and
 * the bits themselves, the highest of the first byte first; a lookup finds the
 * longest entry that begins the key and is no longer than it. Held as one hash
 * table for each length that occurs, which answers the same.
 */
export class LpmTrie implements BpfMap {
  readonly spec: MapSpec;
  readonly #levels = new Map<number, Map<string, MapEntry>>();
  /** Lengths that occur, longest first. */
  #lengths: readonly number[] = [];
  #size = 0;

  /** An empty trie. */
  constructor(spec: MapSpec) {
    this.spec = spec;
  }

  get size(): number {
    return this.#size;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    return this.find(key)?.value;
  }

  find(key: Uint8Array): MapEntry | undefined {
    checkSizes(this.spec, key);
    const most = prefixLength(key);
    if (most > this.#mostBits) return undefined;
    for (const length of this.#lengths) {
      if (length > most) continue;
      const found = this.#levels.get(length)!.get(maskedText(key, length));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** As trie_update_elem does since Linux 6.13: flags count, and a full trie still replaces. */
  update(
    key: Uint8Array,
    value: Uint8Array,
    flag: UpdateFlag = "any",
  ): MapErrno | undefined {
    checkSizes(this.spec, key, value);
    const length = prefixLength(key);
    if (length > this.#mostBits) return "EINVAL";
    const text = maskedText(key, length);
    const exists = this.#levels.get(length)?.has(text) ?? false;
    const refused = refusal(flag, exists);
    if (refused !== undefined) return refused;
    if (!exists && this.#size >= this.spec.maxEntries) return "ENOSPC";
    if (!exists) this.#size++;
    this.#levelOf(length).set(text, { key: key.slice(), value: value.slice() });
    return undefined;
  }

  delete(key: Uint8Array): MapErrno | undefined {
    checkSizes(this.spec, key);
    const length = prefixLength(key);
    if (length > this.#mostBits) return "EINVAL";
    const level = this.#levels.get(length);
    if (level === undefined || !level.delete(maskedText(key, length))) {
      return "ENOENT";
    }
    this.#size--;
    if (level.size === 0) this.#levels.delete(length);
    this.#sortLengths();
    return undefined;
  }

  /** As trie_get_next_key walks it: what lies in a prefix before the prefix, low bits before high. */
  entries(): Iterable<MapEntry> {
    return [...this.#levels.values()]
      .flatMap((level) => [...level.values()])
      .sort((a, b) => comparePrefixes(a.key, b.key));
  }

  get #mostBits(): number {
    return (this.spec.keyBytes - LENGTH_BYTES) * 8;
  }

  #levelOf(length: number): Map<string, MapEntry> {
    const known = this.#levels.get(length);
    if (known !== undefined) return known;
    const level = new Map<string, MapEntry>();
    this.#levels.set(length, level);
    this.#sortLengths();
    return level;
  }

  #sortLengths(): void {
    this.#lengths = [...this.#levels.keys()].sort((a, b) => b - a);
  }
}

function prefixLength(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(0, true);
}

/** The bits that count, as text; entries may have others behind them. */
function maskedText(key: Uint8Array, length: number): string {
  const whole = length >> 3;
  const bits = key.slice(LENGTH_BYTES, LENGTH_BYTES + whole + 1);
  const rest = length & 7;
  if (rest === 0) return bytesText(bits.subarray(0, whole));
  bits[whole] = bits[whole]! & (0xff00 >> rest);
  return bytesText(bits);
}

function comparePrefixes(a: Uint8Array, b: Uint8Array): number {
  const lengthA = prefixLength(a);
  const lengthB = prefixLength(b);
  const common = Math.min(lengthA, lengthB);
  for (let bit = 0; bit < common; bit++) {
    const difference = bitAt(a, bit) - bitAt(b, bit);
    if (difference !== 0) return difference;
  }
  return lengthB - lengthA;
}

function bitAt(key: Uint8Array, bit: number): number {
  return (key[LENGTH_BYTES + (bit >> 3)]! >> (7 - (bit & 7))) & 1;
}
