import type { Outcome } from "../replay/outcome.ts";
import { backendSet, formatShares, sameShares } from "./backend_set.ts";
import type { ComparedField, FieldDifference } from "./divergence.ts";

/**
 * The fields in which two outcomes of one flow differ.
 *
 * Two picks from the same weighted set are the same: neither load balancer
 * owes us the other's choice. What follows from the pick alone (the source
 * that a masquerade on the way to it left, how many wires were crossed) is
 * then not compared either. An identity is compared only where both stacks
 * have a notion of it.
 */
export function compareOutcomes(
  left: Outcome,
  right: Outcome,
): FieldDifference[] {
  const differences: FieldDifference[] = [];
  const compare = (field: ComparedField, a: Shown, b: Shown) => {
    if (text(a) !== text(b)) {
      differences.push({ field, left: text(a), right: text(b) });
    }
  };
  compare("verdict", left.verdict, right.verdict);
  const setsAgree = compareBackends(left, right, differences);
  const samePick = left.backend === right.backend;
  const bothReceived = left.backend !== null && right.backend !== null;
  if (bothReceived && samePick) {
    compare("source", left.source, right.source);
  }
  if (left.identity !== null && right.identity !== null && samePick) {
    compare("identity", left.identity, right.identity);
  }
  if (bothReceived && (samePick || !setsAgree)) {
    compare("encryption", left.encryption, right.encryption);
  }
  compare("status", left.http?.status, right.http?.status);
  compare("route", routed(left, right), routed(right, left));
  if (left.http?.request && right.http?.request) {
    compare("request", left.http.request, right.http.request);
  }
  compare("location", left.http?.location, right.http?.location);
  if (left.verdict === right.verdict) {
    compare("reply", left.reply, right.reply);
  }
  return differences;
}

/** Notes a difference of the sets; true when they agree. */
function compareBackends(
  left: Outcome,
  right: Outcome,
  differences: FieldDifference[],
): boolean {
  if (left.backend === null || right.backend === null) return true;
  const a = backendSet(left);
  const b = backendSet(right);
  const agree = left.backend === right.backend
    ? true
    : left.backends.length > 0 && sameShares(a, b);
  const different = !agree ||
    (left.backends.length > 1 && right.backends.length > 0 &&
      !sameShares(a, b));
  if (different) {
    const setsDiffer = !sameShares(a, b);
    differences.push({
      field: "backend",
      left: setsDiffer ? formatShares(a) : left.backend,
      right: setsDiffer ? formatShares(b) : right.backend,
    });
  }
  return agree;
}

/** A route is compared only where both sides name one. */
function routed(of: Outcome, other: Outcome): string | null {
  const route = of.http?.route ?? null;
  return other.http?.route ? route : null;
}

type Shown =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly string[];

function text(value: Shown): string {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) {
    return value.length === 0 ? "none" : value.join(", ");
  }
  return String(value);
}
