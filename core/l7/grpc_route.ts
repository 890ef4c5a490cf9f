import { type KubeObject, partPosition } from "../cluster/model.ts";
import type { Rule } from "../source.ts";
import { compileRegex } from "./_regex.ts";
import {
  compileRule,
  everyRequest,
  rankRule,
  type RouteCompilation,
  ruleName,
} from "./http_route.ts";
import { headerMatches } from "./http_route_match.ts";
import { type JsonRecord, record, records, text } from "./json.ts";
import type { RankedRoute } from "./ranked_route.ts";
import { type PathMatch, type RouteMatch, routeMatch } from "./route.ts";
import type { SpecificityOrder } from "./specificity.ts";

/**
 * Order of gRPC matches: more of the service name, then of the method, then
 * headers (GRPCRouteRule.Matches). A match on the method alone compiles to an
 * expression, so those come last.
 */
export const GRPC_ORDER: SpecificityOrder = {
  regexPaths: "after-prefixes",
  method: "before-headers",
};

/** Routes of a GRPCRoute, one for each match of each rule, in the order written. */
export function compileGrpcRoute<Backend>(
  object: KubeObject,
  { age, resolve }: RouteCompilation<Backend>,
): readonly RankedRoute<Backend>[] {
  return records(record(object.spec).rules).flatMap((rule, ruleIndex) => {
    const at = ["spec", "rules", ruleIndex];
    const name = ruleName(object, { rule, ruleIndex });
    const written = records(rule.matches);
    const matches = written.length === 0
      ? [everyRequest({ name, source: partPosition(object, at) })]
      : written.map((match, index) =>
        grpcMatch(match, {
          name: `${name} match ${index}`,
          source: partPosition(object, [...at, "matches", index]),
        })
      );
    const parts = compileRule(object, { rule, at, resolve });
    return rankRule(matches, { name, ruleIndex, parts, age });
  });
}

function grpcMatch(match: JsonRecord, rule: Rule): RouteMatch {
  return routeMatch(rule, {
    path: methodPath(record(match.method)),
    headers: headerMatches(match.headers),
  });
}

/** gRPC calls are POST requests to `/service/method`. */
function methodPath(method: JsonRecord): PathMatch {
  const service = text(method.service);
  const name = text(method.method);
  if (method.type === "RegularExpression") {
    return regexPath(`/${service ?? "[^/]+"}/${name ?? "[^/]+"}`);
  }
  if (service !== undefined && name !== undefined) {
    return { kind: "exact", value: `/${service}/${name}`, ignoreCase: false };
  }
  if (service !== undefined) {
    return { kind: "element-prefix", value: `/${service}` };
  }
  if (name !== undefined) return regexPath(`/[^/]+/${escapeRegex(name)}`);
  return { kind: "element-prefix", value: "/" };
}

function regexPath(pattern: string): PathMatch {
  const regex = compileRegex(pattern, { full: true, caseInsensitive: false });
  return { kind: "regex", pattern, regex };
}

/** A pattern that matches the text and nothing else. */
export function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
