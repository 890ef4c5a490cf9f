import type { Hop, Journey } from "../replay/hop.ts";
import type { ComparedField } from "./divergence.ts";

/** Hops that leave the packet and its way as they were. */
const QUIET: ReadonlySet<Hop["action"]> = new Set(["accept", "bypass"]);

/**
 * Where two journeys part: the first hop, on each side, from which on the
 * packets or their ways differ. Hops that change nothing are passed over, and
 * so is who did it: only what was done, where, and to which packet counts.
 */
export function firstDifferentHop(left: Journey, right: Journey): {
  readonly common: number;
  readonly left: Hop | null;
  readonly right: Hop | null;
} {
  const a = left.filter((hop) => !QUIET.has(hop.action));
  const b = right.filter((hop) => !QUIET.has(hop.action));
  let common = 0;
  while (
    common < a.length && common < b.length &&
    effect(a[common]!) === effect(b[common]!)
  ) common++;
  return { common, left: a[common] ?? null, right: b[common] ?? null };
}

/** The hop of a journey that made a field what it is; null when none had a say. */
export function decidingHop(
  journey: Journey,
  field: ComparedField,
): Hop | null {
  const thereAndBack = DECIDES[field];
  for (let index = journey.length - 1; index >= 0; index--) {
    const hop = journey[index]!;
    if (hop.direction === "original" && thereAndBack(hop)) return hop;
  }
  return null;
}

/** The hop that ended a journey before its receiver, on the way there or back. */
export function endingHop(journey: Journey): Hop | null {
  for (let index = journey.length - 1; index >= 0; index--) {
    const hop = journey[index]!;
    if (ENDS.has(hop.action)) return hop;
  }
  return null;
}

const ENDS: ReadonlySet<Hop["action"]> = new Set([
  "drop",
  "reject",
  "unknown",
  "answer",
]);

const DECIDES: Readonly<Record<ComparedField, (hop: Hop) => boolean>> = {
  verdict: (hop) =>
    ENDS.has(hop.action) || (hop.action === "accept" && hop.rule !== null),
  backend: (hop) =>
    (hop.action === "rewrite" && /\bdestination/.test(hop.detail)) ||
    hop.hook === "proxy",
  source: (hop) => hop.action === "rewrite" && /\bsource/.test(hop.detail),
  identity: (hop) =>
    hop.rule !== null && (hop.action === "accept" || hop.action === "drop"),
  encryption: (hop) => hop.action === "encrypt" || hop.hook === "proxy",
  status: (hop) => hop.hook === "proxy" || ENDS.has(hop.action),
  route: (hop) => hop.hook === "proxy",
  request: (hop) => hop.hook === "proxy",
  location: (hop) => hop.hook === "proxy",
  reply: (hop) => ENDS.has(hop.action),
};

function effect(hop: Hop): string {
  return [
    hop.depth,
    hop.direction,
    hop.node,
    hop.pod,
    hop.hook,
    hop.action,
    hop.packet,
  ].join(" ");
}
