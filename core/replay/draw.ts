/**
 * Keyed draws: a uniform 32-bit number that depends on the seed and the key
 * alone, so that no draw shifts another. FNV-1a over the code units, then the
 * finaliser of MurmurHash3.
 */
export function drawUint32(seed: number, key: string): number {
  return finish(extend(seed ^ 0x811c9dc5, key));
}

/** Folds more text into a running hash; `finish` makes a draw of it. */
export function extend(hash: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash;
}

/** Spreads a running hash evenly over 32 bits. */
export function finish(hash: number): number {
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * The index that a draw picks from a weighted set, each member with its exact
 * share; -1 when there is nothing to pick.
 */
export function pickIndex(
  draw: number,
  members: readonly { readonly weight: number }[],
): number {
  let total = 0;
  for (const { weight } of members) total += weight;
  let rest = (draw / 0x1_0000_0000) * total;
  let last = -1;
  for (let index = 0; index < members.length; index++) {
    const { weight } = members[index]!;
    if (weight <= 0) continue;
    last = index;
    rest -= weight;
    if (rest < 0) return index;
  }
  return last;
}
