import type { Outcome } from "../replay/outcome.ts";
import { matchesGlob, matchesRule } from "./glob.ts";
import type { ExpectedOutcome } from "./scenario.ts";

/** One field that is not as expected, both as text. */
export interface Mismatch {
  readonly field: string;
  readonly expected: string;
  readonly actual: string;
}

/** What of an outcome is not as expected; empty when all is. */
export function checkOutcome(
  expected: ExpectedOutcome,
  outcome: Outcome,
): Mismatch[] {
  const { http } = outcome;
  const mismatches: Mismatch[] = [];
  const note = (field: string, wanted: unknown, actual: unknown) =>
    mismatches.push({ field, expected: shown(wanted), actual: shown(actual) });
  const equal = (field: string, wanted: unknown, actual: unknown) => {
    if (wanted !== undefined && wanted !== actual) note(field, wanted, actual);
  };
  const glob = (
    field: string,
    wanted: string | undefined,
    actual: string | null | undefined,
  ) => {
    if (wanted === undefined || matchesGlob(actual ?? "none", wanted)) return;
    note(field, wanted, actual);
  };
  equal("verdict", expected.verdict, outcome.verdict);
  glob("reason", expected.reason, outcome.reason);
  const { rule } = expected;
  const name = outcome.rule?.name ?? "none";
  if (rule !== undefined && !matchesRule(name, rule)) note("rule", rule, name);
  glob("backend", expected.backend, outcome.backend);
  glob("receiver", expected.receiver, outcome.receiver);
  glob("source", expected.source, outcome.source);
  glob("identity", expected.identity, outcome.identity);
  equal("encrypted", expected.encrypted, isEncrypted(outcome));
  const wires = expected.encryption;
  if (wires !== undefined && shown(wires) !== shown(outcome.encryption)) {
    note("encryption", wires, outcome.encryption);
  }
  equal("status", expected.status, http?.status);
  glob("route", expected.route, http?.route);
  glob("request", expected.request, http?.request);
  glob("location", expected.location, http?.location);
  equal("reply", expected.reply, outcome.reply);
  return mismatches;
}

/** Whether it crossed wires and was encrypted on every one. */
function isEncrypted({ encryption }: Outcome): boolean {
  return encryption.length > 0 && !encryption.includes("none");
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (!Array.isArray(value)) return String(value);
  return value.length === 0 ? "no wire crossed" : value.join(", ");
}
