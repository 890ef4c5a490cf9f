const UNIT_NS: Readonly<Record<string, number>> = {
  h: 3_600_000_000_000,
  m: 60_000_000_000,
  s: 1_000_000_000,
  ms: 1_000_000,
  us: 1_000,
  ns: 1,
};

/** The virtual clock is exact for 104 days. */
const MAX_NS = Number.MAX_SAFE_INTEGER;

/**
 * Reads a duration as Go writes it, `250ms` or `1m30s`, in ns; undefined when
 * it is none. A bare 0 needs no unit.
 *
 * @example
 * ```ts
 * parseDuration("1m30s"); // 90_000_000_000
 * ```
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (
    text.length > 40 || !/^(?:\d+(?:\.\d+)?(?:ms|us|ns|h|m|s))+$/.test(text)
  ) {
    return undefined;
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|us|ns|h|m|s)/g)) {
    total += Math.round(Number(amount) * UNIT_NS[unit!]!);
  }
  return total <= MAX_NS ? total : undefined;
}

/** A duration in the largest unit that shows it whole: `1500ms`, `2m`. */
export function formatDuration(ns: number): string {
  for (const [unit, unitNs] of Object.entries(UNIT_NS)) {
    if (ns !== 0 && ns % unitNs === 0) return `${ns / unitNs}${unit}`;
  }
  return "0s";
}
