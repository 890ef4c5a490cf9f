import { list, record, records, text, texts } from "../../core/l7/json.ts";
import { matchText } from "../../core/l7/text_match.ts";
import { Ip } from "../../core/packet/ip.ts";
import { wildcardText } from "../../plugins/mesh/access_test_of.ts";
import type { FieldSet } from "../../plugins/mesh/authorization_policy.ts";
import { type AccessFacts, groupHolds } from "../../plugins/mesh/rbac.ts";
import { ztunnelMatch } from "../../plugins/mesh/ztunnel_rbac.ts";
import type { CaseResult, Suite } from "./suite.ts";

/** Layer 4 authorization cases of ztunnel's own tests (src/rbac.rs, src/state.rs). */
export const ztunnel: Suite = {
  name: "ztunnel",
  *run(directory) {
    const data = record(
      JSON.parse(Deno.readTextFileSync(`${directory}/rbac_cases.json`)),
    );
    const connections = record(data.connections);
    for (const [index, one] of records(data.matchCases).entries()) {
      const { conn } = one;
      const facts = factsOf(
        record(typeof conn === "string" ? connections[conn] : conn),
      );
      const actual = list(one.rules).some((rule) =>
        groupHolds({
          clauses: list(rule).map((clause) =>
            list(clause).map((match) => ztunnelMatch(fieldsOf(match), ""))
          ),
          rule: { name: "case" },
          key: "",
        }, facts) === true
      );
      yield judge(`${text(one.test)} ${index}`, one.matches, actual);
    }
    for (const one of records(data.stringMatch)) {
      const actual = matchText(
        wildcardText(patternOf(one.type, one.pattern)),
        text(one.input),
      );
      yield judge(text(one.name) ?? "", one.match, actual);
    }
  },
};

/** Fields of ztunnel's match, and the attributes of a policy that become them. */
const FIELDS: Readonly<Record<string, string>> = {
  namespaces: "source.namespace",
  service_accounts: "source.serviceAccount",
  principals: "source.principal",
  source_ips: "source.ip",
  destination_ips: "destination.ip",
  destination_ports: "destination.port",
};

function fieldsOf(match: unknown): FieldSet {
  const written = record(match);
  return Object.entries(FIELDS).flatMap(([name, key]) => {
    const values = valuesOf(written[name]);
    const notValues = valuesOf(written[`not_${name}`]);
    return values.length + notValues.length === 0
      ? []
      : [{ key, values, notValues }];
  });
}

function valuesOf(value: unknown): string[] {
  return [
    ...texts(value),
    ...list(value).flatMap((item) =>
      typeof item === "number" ? [`${item}`] : []
    ),
    ...records(value).flatMap((item) =>
      Object.entries(item).map(([type, pattern]) => patternOf(type, pattern))
    ),
  ];
}

/** A string match as a policy writes it. */
function patternOf(type: unknown, pattern: unknown): string {
  switch (String(type).toLowerCase()) {
    case "prefix":
      return `${pattern}*`;
    case "suffix":
      return `*${pattern}`;
    case "presence":
      return "*";
    default:
      return String(pattern);
  }
}

function factsOf(connection: Readonly<Record<string, unknown>>): AccessFacts {
  const [source] = String(connection.src).split(":");
  const [destination, port] = String(connection.dst).split(":");
  const id = connection.srcIdentity === null
    ? null
    : record(connection.srcIdentity);
  return {
    source: Ip.of(source!),
    destination: Ip.of(destination!),
    destinationPort: Number(port),
    spiffeId: id &&
      `spiffe://${id.trustDomain}/ns/${id.namespace}/sa/${id.serviceAccount}`,
    serverName: null,
    request: null,
    token: "none",
  };
}

function judge(id: string, expected: unknown, actual: unknown): CaseResult {
  return {
    id,
    status: expected === actual ? "passed" : "failed",
    expected: `${expected}`,
    actual: `${actual}`,
  };
}
