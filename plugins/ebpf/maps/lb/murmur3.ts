const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;

/**
 * MurmurHash3 for x64 with 128 bits of result (Appleby, smhasher,
 * MurmurHash3.cpp), seeded with 32 bits as pkg/murmur3 does: two halves.
 */
export function murmur3(data: Uint8Array, seed: number): [bigint, bigint] {
  let h1 = BigInt(seed >>> 0);
  let h2 = h1;
  const whole = data.length & ~15;
  for (let at = 0; at < whole; at += 16) {
    h1 ^= mix1(wordAt(data, at, 8));
    h1 = word(rotate(h1, 27n) + h2);
    h1 = word(h1 * 5n + 0x52dce729n);
    h2 ^= mix2(wordAt(data, at + 8, 8));
    h2 = word(rotate(h2, 31n) + h1);
    h2 = word(h2 * 5n + 0x38495ab5n);
  }
  const rest = data.length - whole;
  if (rest > 8) h2 ^= mix2(wordAt(data, whole + 8, rest - 8));
  if (rest > 0) h1 ^= mix1(wordAt(data, whole, Math.min(rest, 8)));
  h1 ^= BigInt(data.length);
  h2 ^= BigInt(data.length);
  h1 = word(h1 + h2);
  h2 = word(h2 + h1);
  h1 = finish(h1);
  h2 = finish(h2);
  h1 = word(h1 + h2);
  return [h1, word(h2 + h1)];
}

function wordAt(data: Uint8Array, at: number, bytes: number): bigint {
  let value = 0n;
  for (let index = bytes - 1; index >= 0; index--) {
    value = value << 8n | BigInt(data[at + index]!);
  }
  return value;
}

function mix1(k: bigint): bigint {
  return word(rotate(word(k * C1), 31n) * C2);
}

function mix2(k: bigint): bigint {
  return word(rotate(word(k * C2), 33n) * C1);
}

function finish(k: bigint): bigint {
  k = word((k ^ k >> 33n) * 0xff51afd7ed558ccdn);
  k = word((k ^ k >> 33n) * 0xc4ceb9fe1a85ec53n);
  return k ^ k >> 33n;
}

function rotate(value: bigint, by: bigint): bigint {
  return word(value << by) | value >> (64n - by);
}

function word(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
