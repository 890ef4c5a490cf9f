import type { Payload } from "../packet/packet.ts";
import type { Rule } from "../source.ts";
import type { HttpOutcome, Verdict } from "./outcome.ts";
import type { WalkEnd } from "./walker.ts";

/** Envoy's answer when it cannot reach the upstream (response flags UF, UH, UC). */
const UPSTREAM_FAILED_STATUS = 503;

/** What came of a leg and all legs behind it; filled in as it becomes known. */
export interface LegResult {
  verdict: Verdict;
  reason: string | null;
  rule: Rule | null;
  decidedAt: string | null;
  backend: string | null;
  receiver: string | null;
  source: string | null;
  http: HttpOutcome | null;
  reply: boolean;
}

/** A result that nobody received. */
export function failed(verdict: Verdict, reason: string | null): LegResult {
  return {
    verdict,
    reason,
    rule: null,
    decidedAt: null,
    backend: null,
    receiver: null,
    source: null,
    http: null,
    reply: false,
  };
}

/** The result of a walk that was stopped. */
export function stoppedResult(
  end: Extract<WalkEnd, { kind: "stopped" }>,
  verdict: Verdict,
  reason: string,
): LegResult {
  const result = failed(verdict, reason);
  result.rule = end.rule;
  result.decidedAt = end.decidedAt;
  return result;
}

/** The result of a proxy that answered or closed by itself. */
export function decidedResult(
  decision: { readonly reason: string; readonly rule: Rule | null },
  verdict: Verdict,
  decidedAt: string,
): LegResult {
  const result = failed(verdict, decision.reason);
  result.rule = decision.rule;
  result.decidedAt = decidedAt;
  return result;
}

/** What the client of a proxy gets when the flow behind it failed: HTTP is answered, all else is cut. */
export function upstreamFailed(
  result: LegResult,
  payload: Payload,
  route: string | null,
): LegResult {
  const answered = result.verdict === "forwarded" ||
    result.verdict === "unknown" || result.http !== null;
  if (!answered && payload.kind === "http") {
    result.http = {
      status: UPSTREAM_FAILED_STATUS,
      route,
      request: null,
      location: null,
    };
  }
  return result;
}
