import { assertEquals } from "@std/assert";
import { makeTape, type NewEvent, newEvent } from "../../core/event.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { replay } from "../../core/replay/engine.ts";
import {
  flowIntent,
  type ShortFlow,
  stackOf,
} from "../../core/replay/testing.ts";
import { exactName, namePattern } from "./dns_name.ts";
import plugin from "./mod.ts";
import { ciliumPolicy, ending, pod, REPLACED, SHOP } from "./_testing.ts";

const SECOND = 1_000_000_000;
const DNS = pod("dns", { node: "n2", ip: "10.0.2.53" });

/** A policy that lets client ask the names given, and connect to those of the rule. */
function policy(fqdn: string, names = 'matchPattern: "*"'): string {
  return ciliumPolicy(
    "names",
    `{endpointSelector: {matchLabels: {app: client}}, egress: [
      {toFQDNs: [{${fqdn}}]},
      {toEndpoints: [{matchLabels: {app: dns}}], toPorts: [{ports: [{port: "53", protocol: ANY}], rules: {dns: [{${names}}]}}]}]}`,
  );
}

type Probe = Omit<ShortFlow, "from">;

interface Moment {
  readonly atS: number;
  readonly record?: {
    readonly name: string;
    readonly addresses?: readonly string[];
    readonly alias?: string;
    readonly ttlS?: number;
  };
  readonly flow?: Probe;
}

function play(
  documents: readonly string[],
  moments: readonly Moment[],
  options: Readonly<Record<string, unknown>> = {},
): string[] {
  const text = [...SHOP, DNS, ...documents].join("\n---\n");
  const entries: { timeNs: number; event: NewEvent }[] = importManifests([
    { file: "test.yaml", text },
  ]).events.map((event) => ({ timeNs: 0, event }));
  for (const [index, { atS, record, flow }] of moments.entries()) {
    const timeNs = atS * SECOND;
    if (record !== undefined) {
      const { name, addresses = [], alias = null, ttlS } = record;
      const data = { name, addresses, alias };
      entries.push({
        timeNs,
        event: newEvent(
          "record.applied",
          ttlS === undefined ? data : { ...data, ttlS },
        ),
      });
    }
    if (flow !== undefined) {
      const from = "pod/shop/client";
      const made = flowIntent({ from, ...flow }, index);
      entries.push({ timeNs, event: newEvent("flow.opened", { flow: made }) });
    }
  }
  const stack = stackOf([plugin, { values: REPLACED, ...options }]);
  const { results } = replay(makeTape(entries), stack, {
    seed: 1,
    trace: "full",
  });
  return results.map((result) =>
    result.outcome.verdict === "forwarded" ? "forwarded" : ending(result)
  );
}

const DENIED = "dropped POLICY_DENIED at n1 from-pod";
const ask = (question: string): Probe => ({
  to: "udp://10.0.2.53:53",
  question,
});
const connect: Probe = { to: "tcp://203.0.113.7:443" };

Deno.test("namePattern() lets * stand for part of a label, **. for labels, * alone for all", () => {
  const cases: [string, string, boolean][] = [
    ["*.example.com", "www.example.com", true],
    ["*.example.com", "example.com", false],
    ["*.example.com", "a.b.example.com", false],
    ["**.example.com", "a.b.example.com", true],
    ["**.example.com", "b.example.com.", true],
    ["**.example.com", "example.com", false],
    ["sub*.example.com", "SubDomain.example.com", true],
    ["*example.com", "myexample.com", true],
    ["*example.com", "my.example.com", false],
    ["*", "any.thing.at.all", true],
  ];
  for (const [pattern, name, expected] of cases) {
    assertEquals(namePattern(pattern)(name), expected, `${pattern} ${name}`);
  }
  assertEquals(exactName("Example.com")("example.com."), true);
});

Deno.test("toFQDNs has the addresses that answers gave, and no others", () => {
  for (
    const rule of [
      "matchName: api.example.com",
      'matchPattern: "*.example.com"',
    ]
  ) {
    const results = play([policy(rule)], [
      {
        atS: 1,
        record: { name: "api.example.com", addresses: ["203.0.113.7"] },
      },
      { atS: 2, flow: connect },
      { atS: 2, flow: { to: "tcp://203.0.113.8:443" } },
      { atS: 2, flow: { to: "tcp://api.example.com:443" } },
    ]);
    assertEquals(results, ["forwarded", DENIED, "forwarded"], rule);
  }
});

Deno.test("toFQDNs without any answer on the tape is unknown outside, and still no rule for pods", () => {
  const results = play([policy("matchName: api.example.com")], [
    { atS: 1, flow: connect },
    { atS: 1, flow: { to: "tcp://10.0.2.10:8080" } },
  ]);
  assertEquals(results, [
    "unknown a peer that is not modelled at n1 from-pod",
    DENIED,
  ]);
});

Deno.test("an answer that names an address of the cluster opens nothing", () => {
  const results = play([policy("matchName: api.example.com")], [
    { atS: 1, record: { name: "api.example.com", addresses: ["10.0.2.10"] } },
    { atS: 2, flow: { to: "tcp://10.0.2.10:8080" } },
  ], { values: { ...REPLACED, policyCIDRMatchMode: "nodes" } });
  assertEquals(results, [DENIED]);
});

Deno.test("an answer counts for its time to live, and longer for a connection that it let through", () => {
  const record = {
    name: "api.example.com",
    addresses: ["203.0.113.7"],
    ttlS: 30,
  };
  const kept: Probe = {
    ...connect,
    connection: "kept",
    to: "tcp://203.0.113.7:443",
  };
  const moments: Moment[] = [
    { atS: 1, record },
    { atS: 20, flow: kept },
    { atS: 29, flow: connect },
    { atS: 40, flow: connect },
    { atS: 41, flow: kept },
    { atS: 50, flow: ask("api.example.com") },
    { atS: 60, flow: connect },
    { atS: 90, flow: connect },
  ];
  const rules = [policy("matchName: api.example.com")];
  assertEquals(play(rules, moments), [
    "forwarded",
    "forwarded",
    DENIED,
    "forwarded",
    "forwarded",
    "forwarded",
    DENIED,
  ]);
  const patient = { values: { ...REPLACED, dnsProxy: { minTtl: 3600 } } };
  assertEquals(play(rules, moments, patient).at(-1), "forwarded");
});

Deno.test("where only questions count, the answer comes before the connection, on the same node", () => {
  const results = play([policy("matchName: api.example.com")], [
    { atS: 1, record: { name: "api.example.com", addresses: ["203.0.113.7"] } },
    { atS: 2, flow: connect },
    { atS: 3, flow: ask("api.example.com.") },
    { atS: 4, flow: connect },
  ], { dnsAnswers: "asked" });
  assertEquals(results, [DENIED, "forwarded", "forwarded"]);
});

Deno.test("what an alias leads to counts for the name that was asked for", () => {
  const records: Moment[] = [
    { atS: 1, record: { name: "api.example.com", alias: "edge.example.net" } },
    {
      atS: 1,
      record: { name: "edge.example.net", addresses: ["203.0.113.7"] },
    },
  ];
  const flows: Moment[] = [
    { atS: 2, flow: ask("api.example.com") },
    { atS: 3, flow: connect },
  ];
  const asked = { dnsAnswers: "asked" };
  const moments = [...records, ...flows];
  assertEquals(
    play([policy("matchName: api.example.com")], moments, asked),
    ["forwarded", "forwarded"],
  );
  // The target of the alias was never asked for (cilium/cilium issue 20191).
  assertEquals(
    play([policy("matchName: edge.example.net")], moments, asked),
    ["forwarded", DENIED],
  );
});

Deno.test("a question for a name that no DNS rule has is answered REFUSED", () => {
  const results = play([
    policy("matchName: api.example.com", 'matchPattern: "*.example.com"'),
  ], [
    { atS: 1, flow: ask("api.example.com") },
    { atS: 1, flow: ask("api.example.org") },
    { atS: 1, flow: { to: "udp://10.0.2.53:53" } },
  ]);
  assertEquals(results, [
    "forwarded",
    "rejected DNS REFUSED at n1 from-pod",
    "unknown a DNS rule, and it is not said which name is asked for at n1 from-pod",
  ]);
});
