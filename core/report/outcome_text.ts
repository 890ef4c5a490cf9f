import type { Outcome } from "../replay/outcome.ts";

/** The parts of an outcome worth a word, in the order they are read. */
export function outcomeParts(outcome: Outcome): string[] {
  const { backend, receiver, source, identity, http, encryption } = outcome;
  const parts: string[] = [];
  if (backend !== null) {
    parts.push(`${backend}${receiver === null ? "" : ` (${receiver})`}`);
  }
  if (http !== null) {
    parts.push(
      `HTTP ${http.status}${
        http.location === null ? "" : ` to ${http.location}`
      }`,
    );
  }
  if (source !== null) parts.push(`source ${source}`);
  if (identity !== null) parts.push(`identity ${identity}`);
  if (encryption.length > 0) parts.push(`wire ${encryption.join(", ")}`);
  if (outcome.reason !== null) parts.push(outcome.reason);
  return parts;
}

/** Short form for a column: `DROPPED(KUBE-PROXY-FIREWALL:2)`, `FORWARDED(10.180.0.1:80)`. */
export function outcomeCell(outcome: Outcome): string {
  const about = outcome.verdict === "forwarded"
    ? [outcome.backend, outcome.http && `HTTP ${outcome.http.status}`]
      .filter((part) => part).join(" ")
    : outcome.http !== null
    ? `HTTP ${outcome.http.status}`
    : outcome.rule?.name ?? outcome.reason ?? "";
  const verdict = outcome.verdict.toUpperCase();
  return about === "" ? verdict : `${verdict}(${about})`;
}
