import { parseAll } from "@std/yaml";
import type { KubeObject } from "../../core/cluster/model.ts";
import { list, record, records, text, texts } from "../../core/l7/json.ts";
import { Ip } from "../../core/packet/ip.ts";
import { drawUint32 } from "../../core/replay/draw.ts";
import { readAuthorizationPolicy } from "../../plugins/mesh/authorization_policy.ts";
import { compileForEnvoy } from "../../plugins/mesh/envoy_rbac.ts";
import { type AccessFacts, authorize } from "../../plugins/mesh/rbac.ts";
import { rbacMatches } from "./_envoy_rbac.ts";
import type { CaseResult, Suite } from "./suite.ts";

type Json = Readonly<Record<string, unknown>>;
type Verdict = ReturnType<typeof authorize>["kind"];

/** Requests that are put to both readings of a case. */
const SAMPLES = 600;

/**
 * AuthorizationPolicy in, Envoy RBAC out: our reading of the former and a
 * small evaluator of the latter must agree on requests made of the values
 * that the policies name.
 */
export const istioAuthzBuilder: Suite = {
  name: "istio/authz-builder",
  *run(directory) {
    const index = JSON.parse(Deno.readTextFileSync(`${directory}/index.json`));
    for (const one of records(index)) {
      const read = (file: string) =>
        parseAll(Deno.readTextFileSync(`${directory}/${file}`)).map(record);
      const id = `${one.proto}/${one.name}`;
      const inputs = read(text(one.input) ?? "").filter(({ kind }) =>
        kind === "AuthorizationPolicy"
      );
      const filters = texts(one.outputs).flatMap(read).map(({ typedConfig }) =>
        record(typedConfig)
      );
      yield { id, ...compare(one, inputs, filters) };
    }
  },
};

function compare(
  one: Json,
  inputs: readonly Json[],
  filters: readonly Json[],
): Omit<CaseResult, "id"> {
  const compiled = compileForEnvoy(
    inputs.map((input) => readAuthorizationPolicy(asObject(input))),
    {
      chain: one.proto === "tcp" ? "tcp" : "http",
      trustDomains: quoted(text(one.tdBundle)),
    },
  );
  const words = wordsOf(inputs);
  for (let sample = 0; sample < SAMPLES; sample++) {
    const facts = makeFacts(words, { sample, http: one.proto === "http" });
    const expected = envoyVerdict(filters, facts);
    const actual = authorize(compiled, facts).kind;
    if (actual === expected) continue;
    if (actual === "unknown") {
      return { status: "unknown", actual: "external authorizers and metadata" };
    }
    return {
      status: "failed",
      expected,
      actual: `${actual} for ${JSON.stringify(facts)}`,
    };
  }
  return { status: "passed" };
}

/** What a chain of RBAC filters says; one with an external authorizer is our unknown. */
function envoyVerdict(filters: readonly Json[], facts: AccessFacts): Verdict {
  const external = filters.some((filter) =>
    filter.grpcService ?? filter.httpService
  );
  let verdict: Verdict = "allowed";
  for (const filter of filters) {
    const shadow = record(filter.shadowRules);
    if (external && filter.shadowRules !== undefined && some(shadow, facts)) {
      return "unknown";
    }
    if (filter.rules === undefined) continue;
    const rules = record(filter.rules);
    if (rules.action === "LOG") continue;
    if (some(rules, facts) === (rules.action === "DENY")) verdict = "denied";
  }
  return verdict;
}

function some(rules: Json, facts: AccessFacts): boolean {
  return Object.values(record(rules.policies))
    .some((policy) => rbacMatches(record(policy), facts));
}

interface Words {
  readonly principals: readonly string[];
  readonly namespaces: readonly string[];
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
  readonly hosts: readonly string[];
  readonly methods: readonly string[];
  readonly paths: readonly string[];
  readonly names: readonly string[];
  readonly headers: readonly string[];
  readonly values: readonly string[];
}

/** The values that policies name, by what they are about. */
function wordsOf(inputs: readonly Json[]): Words {
  const found = new Map<string, string[]>();
  const add = (key: string, values: unknown) => {
    const list = found.get(key) ?? [];
    found.set(key, [...list, ...texts(values)]);
  };
  for (
    const rule of inputs.flatMap(({ spec }) => records(record(spec).rules))
  ) {
    const parts = [
      ...records(rule.from).map(({ source }) => record(source)),
      ...records(rule.to).map(({ operation }) => record(operation)),
    ];
    for (const [key, values] of parts.flatMap((part) => Object.entries(part))) {
      add(
        key.replace(/^not(.)/, (_, letter: string) => letter.toLowerCase()),
        values,
      );
    }
    for (const condition of records(rule.when)) {
      const key = text(condition.key) ?? "";
      add(key, [...list(condition.values), ...list(condition.notValues)]);
    }
  }
  const of = (...keys: string[]) =>
    keys.flatMap((key) => found.get(key) ?? []).flatMap(variants);
  const headers = [...found.keys()].flatMap((key) =>
    /^request\.headers\[(.+)\]$/.exec(key)?.[1] ?? []
  );
  return {
    principals: of("principals", "source.principal"),
    namespaces: of("namespaces", "source.namespace"),
    addresses: [
      "192.0.2.1",
      ...[
        "ipBlocks",
        "remoteIpBlocks",
        "source.ip",
        "remote.ip",
        "destination.ip",
      ]
        .flatMap((key) => found.get(key) ?? []).map((block) =>
          block.split("/")[0]!
        ),
    ],
    ports: [
      1,
      ...of("ports", "destination.port").map(Number).filter(Number.isInteger),
    ],
    hosts: ["other", ...of("hosts")],
    methods: ["GET", ...of("methods")],
    paths: ["/", ...of("paths")],
    names: of("connection.sni"),
    headers,
    values: headers.flatMap((name) => of(`request.headers[${name}]`)),
  };
}

/** A value as written, with something in the place of its star, and a little longer on either side. */
function variants(value: string): string[] {
  const bare = value.replaceAll(/\{\*\*?\}/g, "seg").replace("*", "x");
  return [
    bare,
    value.replaceAll("*", ""),
    `${bare}y`,
    `y${bare}`,
    bare.toUpperCase(),
  ];
}

function makeFacts(
  words: Words,
  { sample, http }: { readonly sample: number; readonly http: boolean },
): AccessFacts {
  const pick = <Item>(
    site: string,
    items: readonly Item[],
    otherwise: Item,
  ): Item => {
    const draw = drawUint32(sample, site) % (items.length + 1);
    return items[draw] ?? otherwise;
  };
  const namespace = pick("namespace", words.namespaces, "shop");
  const principal = pick(
    "principal",
    words.principals,
    `cluster.local/ns/${namespace}/sa/web`,
  );
  const id = drawUint32(sample, "kind") % 3 === 0
    ? `cluster.local/ns/${namespace}/sa/web`
    : principal;
  return {
    source: Ip.of(pick("source", words.addresses, "192.0.2.2")),
    destination: Ip.of(pick("destination", words.addresses, "192.0.2.3")),
    destinationPort: pick("port", words.ports, 2),
    spiffeId: drawUint32(sample, "plaintext") % 8 === 0
      ? null
      : `spiffe://${id}`,
    serverName: pick<string | null>("sni", words.names, null),
    token: "none",
    request: !http ? null : {
      method: pick("method", words.methods, "POST"),
      scheme: "http",
      authority: pick("host", words.hosts, "nobody"),
      path: pick("path", words.paths, "/nowhere") +
        (drawUint32(sample, "query") % 4 === 0 ? "?a=b" : ""),
      headers: words.headers.flatMap((name) => {
        const value = pick<string | null>(`header ${name}`, words.values, null);
        return value === null || /^:|^host$/i.test(name)
          ? []
          : [[name, value] as const];
      }),
    },
  };
}

function asObject(value: Json): KubeObject {
  const metadata = record(value.metadata);
  const annotations = Object.entries(record(metadata.annotations))
    .map(([key, item]) => [key, String(item)]);
  return {
    apiVersion: text(value.apiVersion) ?? "",
    kind: text(value.kind) ?? "",
    metadata: {
      name: text(metadata.name) ?? "",
      namespace: text(metadata.namespace) ?? "default",
      annotations: Object.fromEntries(annotations),
    },
    spec: value.spec,
    source: { file: "case", line: 1, column: 1 },
  };
}

/** The trust domain and its aliases in `NewBundle("td1", []string{"old"})`. */
function quoted(bundle: string | undefined): string[] {
  return [...(bundle ?? "").matchAll(/"([^"]+)"/g)].map((match) => match[1]!);
}
