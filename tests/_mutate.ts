/** A small seeded generator (mulberry32), so that a failing mutation can be had again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The bytes with a few of them changed, cut off, left out or doubled. */
export function mutate(bytes: Uint8Array, seed: number): Uint8Array {
  const random = seeded(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  let mutated = bytes.slice();
  const changes = 1 + below(8);
  for (let i = 0; i < changes && mutated.length > 0; i++) {
    const at = below(mutated.length);
    switch (below(6)) {
      case 0:
        mutated = mutated.slice(0, at);
        break;
      case 1:
        mutated = join(mutated.slice(0, at), mutated.slice(at + below(16)));
        break;
      case 2:
        mutated = join(mutated.slice(0, at + below(16)), mutated.slice(at));
        break;
      case 3:
        mutated[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)]!;
        break;
      default:
        mutated[at] = below(256);
    }
  }
  return mutated;
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
