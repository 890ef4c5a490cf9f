import { headerValue, splitPath } from "../../core/l7/request.ts";
import {
  matchText,
  regexText,
  type TextMatch,
} from "../../core/l7/text_match.ts";
import { Cidr } from "../../core/packet/ip.ts";
import { parseSpiffeId } from "./identity.ts";
import type { AccessFacts, Test } from "./rbac.ts";

/**
 * The text of an attribute that a text matcher is asked about; undefined when
 * the connection has none.
 */
export type TextOf = (facts: AccessFacts) => string | undefined;

/** Reads the text attributes that both kinds of proxy know. */
export const TEXT_OF = {
  spiffeId: (facts: AccessFacts) => facts.spiffeId ?? undefined,
  principal: (facts: AccessFacts) =>
    facts.spiffeId?.startsWith("spiffe://")
      ? facts.spiffeId.slice("spiffe://".length)
      : undefined,
  namespace: (facts: AccessFacts) =>
    facts.spiffeId === null
      ? undefined
      : parseSpiffeId(facts.spiffeId)?.namespace,
  serviceAccount(facts: AccessFacts) {
    const id = facts.spiffeId === null ? null : parseSpiffeId(facts.spiffeId);
    return id === null ? undefined : `${id.namespace}/${id.serviceAccount}`;
  },
  /** Without server name the text is empty, which `*` does not match. */
  serverName: (facts: AccessFacts) => facts.serverName ?? "",
  method: (facts: AccessFacts) => facts.request?.method,
  host: (facts: AccessFacts) => facts.request?.authority,
  path: (facts: AccessFacts) =>
    facts.request === null ? undefined : splitPath(facts.request.path).path,
} satisfies Record<string, TextOf>;

/** Reads a header of the request. */
export function headerOf(name: string): TextOf {
  return (facts) =>
    facts.request === null ? undefined : headerValue(facts.request, name);
}

/** Asks a matcher about a text. */
export function textTest(match: TextMatch, textOf: TextOf): Test {
  return (facts) => matchText(match, textOf(facts));
}

/**
 * The matcher that a value with a wildcard at one end stands for; a star
 * alone matches any text but the empty one (istio/istio
 * pilot/pkg/security/authz/matcher/string.go).
 */
export function wildcardText(
  value: string,
  { prefix = "", ignoreCase = false } = {},
): TextMatch {
  if (value === "*") return regexText(".+");
  if (value.startsWith("*")) {
    return { kind: "suffix", value: value.slice(1), ignoreCase };
  }
  if (value.endsWith("*")) {
    return {
      kind: "prefix",
      value: prefix + value.slice(0, -1),
      ignoreCase,
    };
  }
  return { kind: "exact", value: prefix + value, ignoreCase };
}

/** Asks whether an address lies in a block; undefined when the block cannot be read. */
export function addressTest(
  block: string,
  side: "source" | "destination",
): Test | undefined {
  const cidr = Cidr.parse(block);
  return cidr && ((facts) => cidr.contains(facts[side]));
}

/** Asks for the workload's port; undefined when the number cannot be read. */
export function portTest(port: string): Test | undefined {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return undefined;
  return (facts) => facts.destinationPort === Number(port);
}

/** Holds when any of the tests does. */
export function anyOf(tests: readonly Test[]): Test {
  return (facts) => {
    const truths = tests.map((test) => test(facts));
    return truths.includes(true)
      ? true
      : truths.includes("unknown")
      ? "unknown"
      : false;
  };
}

/** Holds when none of the tests does. */
export function noneOf(tests: readonly Test[]): Test {
  const some = anyOf(tests);
  return (facts) => {
    const truth = some(facts);
    return truth === "unknown" ? truth : !truth;
  };
}
