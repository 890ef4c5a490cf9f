import type { L7Condition } from "../../../../core/policy/policy.ts";

/** The highest 24 bits are for the priority, inverted; the lowest 8 for the verdict. */
const MOST_PRIORITY = 0xffffff;

/** What the lowest byte says: a denial, an allowance; the proxy's listeners lie between. */
export const PRECEDENCE = { deny: 255, allow: 1 } as const;

/**
 * Priorities of the proxy's parsers, lower first: a port that several rules
 * send to the proxy goes to the first (pkg/policy, ListenerPriority of each
 * parser type).
 */
const PARSER_PRIORITY: Readonly<Record<Parser, number>> = {
  http: 101,
  tls: 116,
  dns: 121,
  other: 126,
};

/** What the proxy reads on a port. */
export type Parser = "http" | "tls" | "dns" | "other";

/** The parser that conditions ask for. */
export function parserOf(conditions: readonly L7Condition[]): Parser {
  const kinds = conditions.map(({ kind }) => `${kind}`);
  if (kinds.includes("http")) return "http";
  if (kinds.includes("tls-server-name")) return "tls";
  return kinds.includes("dns-name") ? "dns" : "other";
}

/** Precedence of a denial at a priority, 0 the highest: all ones (pkg/policy/types, NewMapStateEntry). */
export function denyPrecedence(priority: number): number {
  return base(priority) + PRECEDENCE.deny;
}

/** Precedence of an allowance; one that ends at the proxy is above one that does not. */
export function allowPrecedence(
  priority: number,
  parser: Parser | null,
): number {
  const listener = parser === null
    ? 0
    : PRECEDENCE.deny - 1 - PARSER_PRIORITY[parser];
  return base(priority) + PRECEDENCE.allow + listener;
}

/** The precedence with what redirects add to it left out. */
export function withoutListener(precedence: number): number {
  return precedence - precedence % 256 + PRECEDENCE.allow;
}

function base(priority: number): number {
  return (MOST_PRIORITY - Math.min(priority, MOST_PRIORITY)) * 256;
}
