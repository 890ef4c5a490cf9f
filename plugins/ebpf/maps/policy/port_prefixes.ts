/** Ports with the same first bits. */
export interface PortPrefix {
  readonly port: number;
  /** How many bits count, of 16. */
  readonly bits: number;
}

/** The fewest prefixes that make up a range (pkg/policy, PortRangeToMaskedPorts). */
export function portPrefixes(from: number, to: number): PortPrefix[] {
  const prefixes: PortPrefix[] = [];
  let port = from;
  while (port <= to) {
    let size = 1;
    while (
      size < 65_536 && port % (2 * size) === 0 && port + 2 * size - 1 <= to
    ) size *= 2;
    prefixes.push({ port, bits: 16 - Math.log2(size) });
    port += size;
  }
  return prefixes;
}
