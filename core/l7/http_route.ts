import { type KubeObject, partPosition } from "../cluster/model.ts";
import type { Rule } from "../source.ts";
import { durationNs } from "./duration.ts";
import {
  type JsonRecord,
  list,
  number,
  record,
  records,
  text,
  texts,
} from "./json.ts";
import { httpMatches, type RegexPaths } from "./http_route_match.ts";
import {
  type Guard,
  type ReadFilters,
  readFilters,
  readRedirect,
} from "./http_route_filters.ts";
import type { ObjectAge, RankedRoute } from "./ranked_route.ts";
import {
  type Patience,
  type RouteAction,
  type RouteMatch,
  routeMatch,
  type Target,
  type WeightedTarget,
} from "./route.ts";

/** A reference to a backend, as a route writes it. */
export interface BackendReference {
  readonly group: string;
  readonly kind: string;
  /** The route's own namespace when none is written. */
  readonly namespace: string;
  readonly name: string;
  readonly port: number | null;
}

/** How a route object is compiled. */
export interface RouteCompilation<Backend> {
  readonly age: ObjectAge;
  /** What a reference leads to: a backend, or an answer when it is not valid. */
  resolve(reference: BackendReference): Target<Backend>;
  readonly regexPaths: RegexPaths;
}

/** The parts of a rule that its matches share. */
export interface RuleParts<Backend> {
  readonly action: RouteAction<Backend>;
  /** Requests that meet these conditions besides depend on something not modelled. */
  readonly guards: readonly Guard[];
}

/** Routes of an HTTPRoute, one for each match of each rule, in the order written. */
export function compileHttpRoute<Backend>(
  object: KubeObject,
  compilation: RouteCompilation<Backend>,
): readonly RankedRoute<Backend>[] {
  return records(record(object.spec).rules).flatMap((rule, ruleIndex) => {
    const at = ["spec", "rules", ruleIndex];
    const parts = compileRule(object, { rule, at, ...compilation });
    const name = ruleName(object, { rule, ruleIndex });
    const matches = httpMatches(rule.matches, {
      regexPaths: compilation.regexPaths,
      ruleOf: (index) => ({
        name: index === null ? name : `${name} match ${index}`,
        source: partPosition(
          object,
          index === null ? at : [...at, "matches", index],
        ),
      }),
    });
    return rankRule(matches, { name, ruleIndex, parts, age: compilation.age });
  });
}

/** What a rule does, whatever it matches. */
export function compileRule<Backend>(
  object: KubeObject,
  { rule, at, resolve }: {
    readonly rule: JsonRecord;
    readonly at: readonly (string | number)[];
    resolve(reference: BackendReference): Target<Backend>;
  },
): RuleParts<Backend> {
  const read = readFilters(rule.filters);
  const guards = [...read.guards, ...persistenceGuards(rule)];
  if (read.unmodelled !== null) {
    return { action: { kind: "unknown", reason: read.unmodelled }, guards };
  }
  if (read.redirect !== null) {
    const redirect = readRedirect(read.redirect);
    return { action: { kind: "redirect", redirect }, guards };
  }
  return {
    action: {
      kind: "forward",
      targets: compileTargets(object, { rule, at, resolve }),
      emptyStatus: 500,
      filters: read.filters,
      mirrors: read.mirrors.map(({ reference, ...share }) => {
        const target = resolve(readReference(object, reference));
        const backend = target.kind === "backend" ? target.backend : null;
        return { ...share, backend };
      }),
      patience: readPatience(rule),
    },
    guards,
  };
}

/** Ranked routes of one rule: for each match its guards, then the match itself. */
export function rankRule<Backend>(
  matches: readonly RouteMatch[],
  { name, ruleIndex, parts, age }: {
    readonly name: string;
    readonly ruleIndex: number;
    readonly parts: RuleParts<Backend>;
    readonly age: ObjectAge;
  },
): readonly RankedRoute<Backend>[] {
  const step = parts.guards.length + 1;
  return matches.flatMap((match, index) => {
    const guarded = parts.guards.map((guard, guardIndex) => {
      const narrowed: RouteMatch = {
        ...match,
        ...guard.parts,
        headers: [...match.headers, ...(guard.parts.headers ?? [])],
      };
      const action = { kind: "unknown", reason: guard.reason } as const;
      return ranked(narrowed, action, index * step + guardIndex);
    });
    return [
      ...guarded,
      ranked(match, parts.action, index * step + parts.guards.length),
    ];
  });

  function ranked(
    narrowed: RouteMatch,
    action: RouteAction<Backend>,
    matchIndex: number,
  ): RankedRoute<Backend> {
    return {
      route: { name, matches: [narrowed], action, rule: narrowed.rule },
      match: narrowed,
      age,
      ruleIndex,
      matchIndex,
    };
  }
}

/** `HTTPRoute shop/web rule 0`, with the rule's own name when it has one. */
export function ruleName(
  object: KubeObject,
  { rule, ruleIndex }: { rule: JsonRecord; ruleIndex: number },
): string {
  const { namespace = "default", name } = object.metadata;
  const own = text(rule.name);
  const suffix = own === undefined ? "" : ` (${own})`;
  return `${object.kind} ${namespace}/${name} rule ${ruleIndex}${suffix}`;
}

/** The weighted backends of a rule; references that are not valid keep their share. */
export function compileTargets<Backend>(
  object: KubeObject,
  { rule, at, resolve }: {
    readonly rule: JsonRecord;
    readonly at: readonly (string | number)[];
    resolve(reference: BackendReference): Target<Backend>;
  },
): readonly WeightedTarget<Backend>[] {
  return records(rule.backendRefs).map((reference, index) => {
    const path = [...at, "backendRefs", index];
    const filters = readFilters(reference.filters);
    const resolved = resolve(readReference(object, reference));
    const decided: Rule = {
      name: `${ruleName(object, { rule, ruleIndex: Number(at[2]) })} backend ${
        text(reference.name) ?? index
      }`,
      source: partPosition(object, path),
    };
    return {
      weight: Math.max(0, number(reference.weight) ?? 1),
      target: filteredTarget(resolved, filters),
      filters: filters.filters,
      rule: decided,
    };
  });
}

/** A reference with its defaults filled in: a Service of the route's namespace. */
export function readReference(
  object: KubeObject,
  reference: JsonRecord,
): BackendReference {
  return {
    group: text(reference.group) ?? "",
    kind: text(reference.kind) ?? "Service",
    namespace: text(reference.namespace) ?? object.metadata.namespace ??
      "default",
    name: text(reference.name) ?? "",
    port: number(reference.port) ?? null,
  };
}

function filteredTarget<Backend>(
  target: Target<Backend>,
  read: ReadFilters,
): Target<Backend> {
  if (read.unmodelled !== null) {
    return { kind: "unknown", reason: read.unmodelled };
  }
  return read.redirect === null
    ? target
    : { kind: "redirect", redirect: readRedirect(read.redirect) };
}

/** A session that was begun earlier decides the backend of requests that carry it. */
function persistenceGuards(rule: JsonRecord): readonly Guard[] {
  if (rule.sessionPersistence === undefined) return [];
  const { type, sessionName } = record(rule.sessionPersistence);
  const name = type === "Header" ? text(sessionName) ?? "cookie" : "cookie";
  return [{
    parts: {
      headers: [{ name, value: { kind: "present" }, invert: false }],
    },
    reason: "session persistence is not modelled",
  }];
}

function readPatience(rule: JsonRecord): Patience {
  const timeouts = record(rule.timeouts);
  const retry = record(rule.retry);
  return {
    requestTimeoutNs: durationNs(timeouts.request),
    backendTimeoutNs: durationNs(timeouts.backendRequest),
    retries: rule.retry === undefined ? null : number(retry.attempts) ?? 1,
    retryOn: list(retry.codes).map(String),
  };
}

/** Host names of a route, `*` when it names none. */
export function routeHostnames(object: KubeObject): readonly string[] {
  const names = texts(record(object.spec).hostnames);
  return names.length > 0 ? names.map((name) => name.toLowerCase()) : ["*"];
}

/** The match of a rule without matches: every request. */
export function everyRequest(rule: Rule): RouteMatch {
  return routeMatch(rule, { path: { kind: "element-prefix", value: "/" } });
}
