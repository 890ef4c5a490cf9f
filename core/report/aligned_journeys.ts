import type { Hop, Journey } from "../replay/hop.ts";

/** One thing that a stack did to the packet, and what let it pass before. */
export interface JourneyStep {
  /** Hops before it that left the packet as it was, but cite a rule. */
  readonly passed: readonly Hop[];
  /** Null when nothing but passing followed. */
  readonly hop: Hop | null;
}

/** What both stacks did at the same place of their journeys. */
export interface JourneyRow {
  readonly left: JourneyStep | null;
  readonly right: JourneyStep | null;
  /** `same` up to the first difference; `parts` is that one, `after` what follows from it. */
  readonly state: "same" | "parts" | "after";
}

/**
 * Two journeys side by side. Hops that change nothing have no row of their
 * own: two stacks need not look at a packet equally often to do the same.
 */
export function alignedJourneys(
  left: Journey,
  right: Journey,
  { common }: { readonly common: number },
): JourneyRow[] {
  const a = steps(left);
  const b = steps(right);
  return Array.from({ length: Math.max(a.length, b.length) }, (_, index) => ({
    left: a[index] ?? null,
    right: b[index] ?? null,
    state: index < common ? "same" : index === common ? "parts" : "after",
  }));
}

function steps(journey: Journey): JourneyStep[] {
  const found: JourneyStep[] = [];
  let passed: Hop[] = [];
  for (const hop of journey) {
    if (hop.action === "accept" || hop.action === "bypass") {
      if (hop.rule !== null) passed.push(hop);
      continue;
    }
    found.push({ passed, hop });
    passed = [];
  }
  return passed.length === 0 ? found : [...found, { passed, hop: null }];
}
