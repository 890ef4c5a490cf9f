import { nearest } from "../errors.ts";
import { Cidr, Ip } from "../packet/ip.ts";
import type { FlowIntent } from "../replay/flow.ts";

/** Whether a flow is wanted. */
export type FlowFilter = (flow: FlowIntent) => boolean;

/** Why a filter cannot be read. */
export interface FilterFailure {
  readonly reason: string;
  readonly didYouMean: string | undefined;
}

/** Fields of a flow that a filter may ask for, as text. */
const FIELDS: Readonly<Record<string, (flow: FlowIntent) => string>> = {
  "src.ip": ({ from }) => from.kind === "outside" ? from.ip : "",
  "src.pod": ({ from }) =>
    from.kind === "pod" ? `${from.namespace}/${from.name}` : "",
  "src.namespace": ({ from }) => from.kind === "pod" ? from.namespace : "",
  "src.node": ({ from }) => from.kind === "node" ? from.name : "",
  "src.kind": ({ from }) => from.kind,
  "src.port": ({ sourcePort }) => String(sourcePort ?? ""),
  "dst.host": ({ to }) => to.host,
  "dst.ip": ({ to }) => to.host,
  "dst.port": ({ to }) => String(to.port),
  "protocol": ({ protocol }) => protocol,
  "http.method": ({ application }) =>
    application.kind === "http" ? application.request.method : "",
  "http.host": ({ application }) =>
    application.kind === "http" ? application.request.authority : "",
  "http.path": ({ application }) =>
    application.kind === "http" ? application.request.path : "",
};

const TERM =
  /^\s*([\w.]+)\s*(?:(==|!=)\s*([^\s[\],]+)|(not\s+in|in)\s*\[([^[\]]*)\])\s*$/;

/** Characters of one filter. */
const MAX_LENGTH = 10_000;

/**
 * Reads a filter: comparisons with `==`, `!=`, `in [..]` and `not in [..]`,
 * joined by `and`, and those by `or`. A value with a slash is a prefix of
 * addresses.
 *
 * @example
 * ```ts
 * const filter = parseFlowFilter("dst.port in [80,443] and protocol == tcp");
 * ```
 */
export function parseFlowFilter(text: string): FlowFilter | FilterFailure {
  if (text.length > MAX_LENGTH) {
    return failure(`it has ${text.length} characters`);
  }
  const groups: FlowFilter[][] = [];
  for (const group of text.split(/\s+or\s+|\|\|/)) {
    const terms: FlowFilter[] = [];
    for (const written of group.split(/\s+and\s+|&&/)) {
      const term = parseTerm(written);
      if (typeof term !== "function") return term;
      terms.push(term);
    }
    groups.push(terms);
  }
  return (flow) => groups.some((terms) => terms.every((term) => term(flow)));
}

function parseTerm(written: string): FlowFilter | FilterFailure {
  const [, name = "", equality, one = "", membership = "", many] =
    TERM.exec(written) ?? [];
  if (name === "") return failure(`it is ${written.trim() || "empty"}`);
  const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
  if (field === undefined) {
    const known = Object.keys(FIELDS);
    return failure(`there is no field ${name}`, nearest(name, known));
  }
  const values = (many ?? one).split(",")
    .map((value) => value.trim().replace(/^(["'])(.*)\1$/, "$2"));
  const negated = equality === "!=" || membership.startsWith("not");
  const tests = values.map(testOf);
  return (flow) => {
    const actual = field(flow);
    return tests.some((test) => test(actual)) !== negated;
  };
}

function testOf(value: string): (actual: string) => boolean {
  const prefix = value.includes("/") ? Cidr.parse(value) : undefined;
  if (prefix === undefined) return (actual) => actual === value;
  return (actual) => {
    const ip = Ip.parse(actual);
    return ip !== undefined && prefix.contains(ip);
  };
}

function failure(reason: string, didYouMean?: string): FilterFailure {
  return { reason, didYouMean };
}
