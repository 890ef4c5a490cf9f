import { record } from "../../core/l7/json.ts";
import type { WeightedTarget } from "../../core/l7/route.ts";
import { NO_FILTERS } from "../../core/l7/route.ts";
import type { Rule } from "../../core/source.ts";
import { readNumber } from "./_read.ts";

const MILLION = 1_000_000;

/**
 * The shares of a route with one more for the requests that a fault aborts.
 * A percentage that is not set means no request at all (istio/istio
 * pilot/pkg/networking/core/route/route.go, TranslateFault). Delays pass
 * time, which outcomes do not show.
 */
export function withFault<Backend>(
  targets: readonly WeightedTarget<Backend>[],
  { fault, rule }: { readonly fault: unknown; readonly rule: Rule },
): readonly WeightedTarget<Backend>[] {
  const abort = record(record(fault).abort);
  const status = readNumber(abort.httpStatus);
  const percent = record(abort.percentage).value;
  if (status === null || typeof percent !== "number" || !(percent > 0)) {
    return targets;
  }
  const aborted = Math.min(MILLION, Math.trunc(percent * 10_000));
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  return [
    {
      weight: aborted * Math.max(1, total),
      target: { kind: "respond", status, reason: "FI: fault injected" },
      filters: NO_FILTERS,
      rule,
    },
    ...targets.map((target) => ({
      ...target,
      weight: target.weight * (MILLION - aborted),
    })),
  ];
}
