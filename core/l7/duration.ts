const UNIT_NS: Readonly<Record<string, number>> = {
  h: 3_600_000_000_000,
  m: 60_000_000_000,
  s: 1_000_000_000,
  ms: 1_000_000,
};

/** Nanoseconds of a Gateway API duration such as `1h30m` or `500ms` (GEP-2257); null when it is none. */
export function durationNs(text: unknown): number | null {
  if (typeof text !== "string") return null;
  if (!/^(\d{1,5}(h|m|s|ms)){1,4}$/.test(text)) return null;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g)) {
    total += Number(count) * UNIT_NS[unit!]!;
  }
  return total;
}
