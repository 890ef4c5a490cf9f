import { assert, assertEquals, assertThrows } from "@std/assert";
import { mutate } from "../../tests/_mutate.ts";
import { InputError } from "../errors.ts";
import { bareLine, type FlowFields, flowLine } from "./_flow_lines.ts";
import {
  HubbleImport,
  type HubbleImportOptions,
  type HubbleStats,
} from "./hubble.ts";
import type { HubbleFlowRecord } from "./hubble_record.ts";

const SYN = "tcp web:41000 > api:8080 SYN";
const SYN_ACK = "tcp api:8080 > web:41000 SYN-ACK";
const SERVICE = "10.96.0.10";
const EGRESS = { traffic_direction: "EGRESS", node_name: "kind/worker-1" };
const INGRESS = { traffic_direction: "INGRESS", node_name: "kind/worker-2" };
const FORTH = { is_reply: false };
const BACK = { is_reply: true };

function read(
  lines: readonly string[],
  options: Partial<HubbleImportOptions> = {},
): { flows: HubbleFlowRecord[]; stats: HubbleStats } {
  const recording = new HubbleImport({ file: "flows.jsonl", ...options });
  for (const line of lines) recording.addLine(line);
  const flows = [...recording.take(), ...recording.finish()];
  return { flows, stats: recording.stats() };
}

function one(
  lines: readonly string[],
  options: Partial<HubbleImportOptions> = {},
): HubbleFlowRecord {
  const { flows } = read(lines, options);
  assertEquals(flows.length, 1, JSON.stringify(flows.map((flow) => flow.flow)));
  return flows[0]!;
}

function at(milliseconds: number, fields: FlowFields = {}): FlowFields {
  const fraction = `${milliseconds}`.padStart(3, "0");
  return { time: `2026-01-01T00:00:00.${fraction}Z`, ...fields };
}

Deno.test("HubbleImport folds the lines of hooks, nodes and directions to one flow", () => {
  const { flows, stats } = read([
    flowLine(SYN, { ...at(0), ...FORTH, ...EGRESS, event_type: { type: 5 } }),
    flowLine(SYN, { ...at(1), ...FORTH, ...EGRESS }),
    flowLine(SYN, { ...at(2), ...FORTH, ...INGRESS }),
    flowLine(SYN_ACK, { ...at(3), ...BACK, ...INGRESS }),
    flowLine(SYN_ACK, {
      ...at(4),
      ...BACK,
      ...EGRESS,
      IP: { encrypted: true },
    }),
  ], { name: "rec" });
  assertEquals(flows.length, 1);
  const [{ flow, timeNs, source, recorded }] = flows as [HubbleFlowRecord];
  assertEquals(flow, {
    id: "rec:1",
    from: { kind: "pod", namespace: "shop", name: "web-0" },
    to: { host: "10.0.2.2", port: 8080 },
    protocol: "tcp",
    sourcePort: 41000,
    connection: null,
    application: { kind: "opaque", lengthBytes: 0 },
  });
  assertEquals([timeNs, source], [0, {
    file: "flows.jsonl",
    line: 1,
    column: 1,
  }]);
  assertEquals(recorded.verdict, "forwarded");
  assertEquals(recorded.verdicts, { FORWARDED: 5 });
  assertEquals([recorded.reply, recorded.encrypted], [true, true]);
  assertEquals(recorded.source.number, 1001);
  assertEquals(recorded.receiver, "shop/api-0");
  assertEquals(recorded.nodes, ["worker-1", "worker-2"]);
  assertEquals(recorded.lines, [1, 2, 3, 4, 5]);
  assertEquals([stats.lines, stats.folded, stats.flows], [5, 5, 1]);
  assertEquals(stats.incomplete, []);
});

Deno.test("HubbleImport says when it cannot know whether a Service was meant", () => {
  const { flows, stats } = read([flowLine(SYN, FORTH)]);
  assertEquals(flows[0]?.recorded.intent, "unknown");
  assertEquals(flows[0]?.flow.to, { host: "10.0.2.2", port: 8080 });
  assertEquals(stats.unknownIntent, 1);
});

Deno.test("HubbleImport recovers the Service from a reply that was translated back", () => {
  // The address is the backend's, the port is from the header: the Service's.
  const translated = flowLine("tcp api:80 > web:41000 SYN-ACK", {
    ...BACK,
    ...EGRESS,
    IP: { source_xlated: SERVICE },
  });
  const forward = flowLine(SYN, { ...FORTH, ...INGRESS });
  for (const lines of [[forward, translated], [translated, forward]]) {
    const { flow, recorded } = one(lines);
    assertEquals(flow.to, { host: SERVICE, port: 80 });
    assertEquals(flow.from, {
      kind: "pod",
      namespace: "shop",
      name: "web-0",
    });
    assertEquals(recorded.intent, "service");
    assertEquals(recorded.service, {
      ip: SERVICE,
      port: 80,
      name: null,
      from: "reply",
    });
    assertEquals(recorded.backend, "10.0.2.2:8080");
    assertEquals(recorded.receiver, "shop/api-0");
  }
});

Deno.test("HubbleImport has the Service from the reply alone, and no port of the backend then", () => {
  const { flow, recorded } = one([
    flowLine("tcp api:80 > web:41000 SYN-ACK", {
      ...BACK,
      IP: { source_xlated: SERVICE },
    }),
    flowLine("tcp api:80 > web:41000 ACK", {
      ...BACK,
      IP: { source_xlated: SERVICE },
    }),
  ]);
  assertEquals(flow.to, { host: SERVICE, port: 80 });
  assertEquals(recorded.backend, "10.0.2.2:0");
});

Deno.test("HubbleImport recovers the Service from the line before the translation", () => {
  const before = flowLine(`tcp web:41000 > ${SERVICE}:80 SYN`, {
    ...at(0),
    ...FORTH,
    destination_service: { name: "api", namespace: "shop" },
  });
  const after = flowLine(SYN, { ...at(1), ...FORTH });
  // The other order: the node of the second line has a clock that lags.
  for (const lines of [[before, after], [after, before]]) {
    const { flow, recorded } = one(lines);
    assertEquals(flow.to, { host: SERVICE, port: 80 });
    assertEquals(recorded.service?.name, "shop/api");
    assertEquals(recorded.service?.from, "destination");
    assertEquals(recorded.backend, "10.0.2.2:8080");
  }
});

Deno.test("HubbleImport does not join a Service's line with what the client does later", () => {
  const { flows } = read([
    flowLine(`udp web:41000 > ${SERVICE}:53`, {
      ...FORTH,
      destination_service: { name: "dns", namespace: "kube-system" },
    }),
    flowLine("udp web:41000 > dns:5353", {
      time: "2026-01-01T00:00:09Z",
      ...FORTH,
    }),
  ]);
  assertEquals(flows.map((flow) => flow.flow.to.host), [SERVICE, "10.0.3.3"]);
});

Deno.test("HubbleImport recovers the Service from socket events, which have no source port", () => {
  const socket = (destination: string, when: "PRE" | "POST") =>
    flowLine(`tcp web:0 > ${destination}`, {
      verdict: when === "PRE" ? "TRACED" : "TRANSLATED",
      Type: "SOCK",
      event_type: { type: 7 },
      sock_xlate_point: `SOCK_XLATE_POINT_${when}_DIRECTION_FWD`,
      socket_cookie: "4711",
      ...when === "PRE"
        ? { destination_service: { name: "api", namespace: "shop" } }
        : {},
    });
  const { flow, recorded } = one([
    socket(`${SERVICE}:80`, "PRE"),
    socket("10.0.2.2:8080", "POST"),
    flowLine(SYN, FORTH),
  ]);
  assertEquals(flow.to, { host: SERVICE, port: 80 });
  assertEquals(recorded.service, {
    ip: SERVICE,
    port: 80,
    name: "shop/api",
    from: "socket",
  });
  assertEquals(recorded.backend, "10.0.2.2:8080");
});

Deno.test("HubbleImport reads the socket events of an answer", () => {
  const socket = (source: string, when: "PRE" | "POST") =>
    flowLine(`udp ${source} > web:0`, {
      Type: "SOCK",
      sock_xlate_point: `SOCK_XLATE_POINT_${when}_DIRECTION_REV`,
      socket_cookie: "4711",
    });
  const { flow } = one([
    flowLine("udp web:41000 > dns:5353", FORTH),
    socket("10.0.3.3:5353", "PRE"),
    socket(`${SERVICE}:53`, "POST"),
  ]);
  assertEquals(flow.to, { host: SERVICE, port: 53 });
});

Deno.test("HubbleImport takes a masqueraded packet for what it was before", () => {
  const { flow, recorded } = one([
    flowLine("tcp web:41000 > 192.0.2.9:443 SYN", {
      ...FORTH,
      destination: { identity: 2, labels: ["reserved:world"] },
      IP: { source_xlated: "172.18.0.2" },
    }),
  ]);
  assertEquals(flow.to, { host: "192.0.2.9", port: 443 });
  assertEquals([recorded.intent, recorded.service], ["direct", null]);
  assertEquals(recorded.destination.name, "world");
});

Deno.test("HubbleImport reports a drop, and the policy that denied", () => {
  const denied = {
    name: "no-web",
    namespace: "shop",
    kind: "CiliumNetworkPolicy",
    revision: "6",
  };
  const { recorded } = one([
    flowLine(SYN, { ...FORTH, ...EGRESS }),
    flowLine(SYN, {
      ...INGRESS,
      verdict: "DROPPED",
      event_type: { type: 5 },
      drop_reason_desc: "POLICY_DENY",
      policy_match_type: 1,
      ingress_denied_by: [denied],
    }),
    // The client tries again: the first hook forwards it again.
    flowLine(SYN, { ...FORTH, ...EGRESS }),
    flowLine(SYN, {
      ...INGRESS,
      verdict: "DROPPED",
      event_type: { type: 1 },
      drop_reason_desc: "POLICY_DENY",
      ingress_denied_by: [denied],
    }),
  ]);
  assertEquals(
    [recorded.verdict, recorded.dropReason],
    ["dropped", "POLICY_DENY"],
  );
  assertEquals(recorded.deniedBy, [{
    direction: "ingress",
    kind: "CiliumNetworkPolicy",
    namespace: "shop",
    name: "no-web",
    revision: 6,
  }]);
  assertEquals([recorded.policyMatch, recorded.reply], ["L3", false]);
});

for (
  const [what, verdict, lines] of [
    ["a drop of the answer", "dropped", [
      flowLine(SYN, FORTH),
      flowLine(SYN_ACK, { ...BACK, ...INGRESS }),
      flowLine(SYN_ACK, { ...EGRESS, verdict: "DROPPED" }),
    ]],
    ["a drop, and a try that got through", "forwarded", [
      flowLine(SYN, { verdict: "DROPPED" }),
      flowLine(SYN, FORTH),
      flowLine(SYN_ACK, { ...BACK, ...EGRESS }),
    ]],
    ["a drop after it had come up", "error", [
      flowLine(SYN, FORTH),
      flowLine(SYN_ACK, { ...BACK, ...EGRESS }),
      flowLine("tcp web:41000 > api:8080 ACK", { verdict: "DROPPED" }),
    ]],
    ["a drop of the last FIN", "forwarded", [
      flowLine(SYN, FORTH),
      flowLine(SYN_ACK, { ...BACK, ...EGRESS }),
      flowLine("tcp web:41000 > api:8080 FIN-ACK", { verdict: "DROPPED" }),
    ]],
    ["an audited policy", "forwarded", [flowLine(SYN, { verdict: "AUDIT" })]],
    ["a redirect to the proxy", "forwarded", [
      flowLine(SYN, { verdict: "REDIRECTED" }),
    ]],
    ["an error", "error", [flowLine(SYN, { verdict: "ERROR" })]],
    ["only traces without a verdict", "unknown", [
      flowLine(SYN, { verdict: "TRACED" }),
      flowLine(SYN, { verdict: undefined }),
    ]],
  ] as const
) {
  Deno.test(`HubbleImport takes ${what} for ${verdict}`, () => {
    const { recorded } = one(lines);
    assertEquals(recorded.verdict, verdict);
    assertEquals(recorded.audited, what === "an audited policy");
    assertEquals(recorded.redirected, what === "a redirect to the proxy");
  });
}

Deno.test("HubbleImport takes a SYN on the same ports for another flow once the first is closed", () => {
  const fin = flowLine("tcp api:8080 > web:41000 FIN-ACK", BACK);
  assertEquals(
    read([flowLine(SYN), flowLine(SYN), flowLine(SYN)]).flows.length,
    1,
  );
  const { flows } = read([flowLine(SYN), fin, flowLine(SYN), flowLine(SYN)]);
  assertEquals(flows.map((flow) => flow.flow.id), ["hubble:1", "hubble:3"]);
});

Deno.test("HubbleImport knows the direction of a drop without is_reply", () => {
  const dropped = { verdict: "DROPPED", drop_reason_desc: "POLICY_DENIED" };
  const first = one([flowLine(SYN_ACK, dropped)]);
  assertEquals(first.flow.to, { host: "10.0.2.2", port: 8080 });
  const later = one([
    flowLine("udp web:41000 > dns:53", FORTH),
    flowLine("udp dns:53 > web:41000", dropped),
  ]);
  assertEquals(later.flow.to.host, "10.0.3.3");
  assertEquals([later.recorded.verdict, later.recorded.reply], [
    "dropped",
    true,
  ]);
});

Deno.test("HubbleImport places senders", () => {
  const place = (fields: FlowFields) =>
    one([flowLine("tcp 172.18.0.9:5000 > api:8080 SYN", {
      ...FORTH,
      source: fields,
    })], {
      placeOf: (ip) =>
        ip.text === "172.18.0.9" && fields["identity"] !== 1
          ? { kind: "node", name: "n9" }
          : { kind: "outside", ip: ip.text, via: null },
    }).flow.from;
  const outside = { kind: "outside", ip: "172.18.0.9", via: null } as const;
  assertEquals(place({ identity: 2 }), outside);
  assertEquals(place({ identity: 9 }), outside);
  assertEquals(place({ labels: ["reserved:world"] }), outside);
  assertEquals(place({ identity: 6 }), { kind: "node", name: "n9" });
  assertEquals(place({ identity: 7 }), { kind: "node", name: "n9" });
  // A host that the cluster's manifests do not have is the node that saw it.
  assertEquals(place({ identity: 1 }), { kind: "node", name: "worker-1" });
  // The API server, seen as a CIDR of the world.
  assertEquals(
    place({
      identity: 16777217,
      labels: ["reserved:kube-apiserver", "reserved:world"],
    }),
    { kind: "node", name: "n9" },
  );
});

Deno.test("HubbleImport folds echoes without an identifier, and no other ICMP", () => {
  const icmp = (type: number, fields: FlowFields = {}) =>
    flowLine(SYN, { l4: { ICMPv4: { type } }, ...fields });
  const { flows, stats } = read([
    icmp(8, FORTH),
    flowLine(SYN_ACK, { l4: { ICMPv4: {} }, ...BACK }),
    icmp(3),
  ]);
  assertEquals(flows.map((flow) => flow.flow), [{
    id: "hubble:1",
    from: { kind: "pod", namespace: "shop", name: "web-0" },
    to: { host: "10.0.2.2", port: 0 },
    protocol: "icmp",
    sourcePort: null,
    connection: null,
    application: { kind: "opaque", lengthBytes: 0 },
  }]);
  assertEquals(flows[0]?.recorded.reply, true);
  assertEquals(stats.skipped, { "ICMPv4 type 3": 1 });
});

function http(
  type: "REQUEST" | "RESPONSE",
  fields: FlowFields & { code?: number; url?: string },
): string {
  const { code, url = "http://api.shop/a", ...rest } = fields;
  const way = type === "REQUEST" ? SYN : SYN_ACK;
  return flowLine(way.replace(/ [A-Z-]+$/, ""), {
    Type: "L7",
    event_type: { type: 129 },
    is_reply: type === "RESPONSE",
    l7: { type, http: { method: "GET", url, ...code ? { code } : {} } },
    ...rest,
  });
}

Deno.test("HubbleImport makes the logged HTTP request what the flow says", () => {
  const { flow, recorded } = one([
    flowLine(SYN, { ...FORTH, verdict: "REDIRECTED" }),
    // The proxies of both nodes log it.
    http("REQUEST", EGRESS),
    http("REQUEST", INGRESS),
    http("RESPONSE", { ...INGRESS, code: 200 }),
    http("RESPONSE", { ...EGRESS, code: 200 }),
  ]);
  assertEquals(flow.application, {
    kind: "http",
    request: {
      method: "GET",
      scheme: "http",
      authority: "api.shop",
      path: "/a",
      headers: [],
    },
    tls: false,
  });
  assertEquals(recorded.http, { status: 200 });
  assertEquals([recorded.verdict, recorded.redirected], ["forwarded", true]);
});

Deno.test("HubbleImport makes a flow of each request on a connection, with its own verdict", () => {
  const { flows } = read([
    flowLine(SYN, FORTH),
    http("REQUEST", { ...INGRESS }),
    http("RESPONSE", { ...INGRESS, code: 200 }),
    http("REQUEST", { ...INGRESS }),
    http("RESPONSE", { ...INGRESS, code: 500 }),
    http("REQUEST", {
      ...INGRESS,
      verdict: "DROPPED",
      url: "http://api.shop/secret",
    }),
    http("RESPONSE", { ...INGRESS, code: 403, url: "http://api.shop/secret" }),
  ]);
  assertEquals(
    flows.map(({ flow, recorded }) => [
      flow.id,
      flow.connection,
      recorded.verdict,
      recorded.http?.status,
    ]),
    [
      ["hubble:2", "hubble:1", "forwarded", 200],
      ["hubble:4", "hubble:1", "forwarded", 500],
      ["hubble:6", "hubble:1", "rejected", 403],
    ],
  );
});

Deno.test("HubbleImport keeps what DNS was asked and answered", () => {
  const dns = (type: string, rest: FlowFields) => ({
    Type: "L7",
    l7: { type, dns: { query: "api.shop.", qtypes: ["A"], ...rest } },
  });
  const { recorded } = one([
    flowLine("udp web:40000 > dns:53", dns("REQUEST", {})),
    flowLine("udp dns:53 > web:40000", dns("RESPONSE", { rcode: 3 })),
  ]);
  assertEquals(recorded.dns, { query: "api.shop.", rcode: 3, ips: [] });
});

Deno.test("HubbleImport reads a container's log: prefixes, split lines, other messages", () => {
  const text = flowLine(SYN, FORTH);
  const prefix = "2026-01-01T00:00:00.123456789Z stdout";
  const { flows, stats } = read([
    `${prefix} F level=info msg="listening"`,
    `${prefix} P ${text.slice(0, 100)}`,
    `${prefix} P ${text.slice(100, 150)}`,
    `${prefix} F ${text.slice(150)}`,
    `2026-01-01T00:00:00.1+01:00 stderr F ${bareLine(SYN_ACK, BACK)}`,
    `${prefix} F {"flow":}`,
  ]);
  assertEquals(flows.length, 1);
  assertEquals(flows[0]?.recorded.lines, [4, 5]);
  assertEquals(stats.skipped, { "log message": 1 });
  assertEquals(stats.problems[0]?.at, {
    file: "flows.jsonl",
    line: 6,
    column: prefix.length + 12,
  });
});

Deno.test("HubbleImport says that a recording is not complete", () => {
  const { stats } = read([
    flowLine(SYN, FORTH),
    '{"lost_events":{"source":"PERF_EVENT_RING_BUFFER","num_events_lost":"7"}}',
    '{"lost_events":{"source":"PERF_EVENT_RING_BUFFER","num_events_lost":"5"}}',
    '{"node_status":{"state_change":"NODE_CONNECTED","node_names":["n1"]}}',
    '{"node_status":{"state_change":"NODE_UNAVAILABLE","node_names":["n2"]}}',
    '{"agent_event":{"type":"POLICY_UPDATED"}}',
    "{",
    "",
  ]);
  assertEquals(stats.lost, 12);
  assertEquals(stats.skipped, { agent_event: 1, node_status: 2 });
  assertEquals(stats.incomplete, [
    "12 events were lost at PERF_EVENT_RING_BUFFER",
    "node n2 (NODE_UNAVAILABLE) is not in the recording",
    "1 lines could not be read",
  ]);
});

Deno.test("HubbleImport collects all problems and reads the other lines", () => {
  const recording = new HubbleImport({ file: "flows.jsonl" });
  for (const line of ["{", flowLine(SYN), '{"verdict":"ALLOWED"}']) {
    recording.addLine(line);
  }
  assertEquals([...recording.finish()].length, 1);
  const error = assertThrows(
    () => recording.requireWellFormed(),
    InputError,
    "flows.jsonl:3:12",
  );
  assertEquals(error.problems.length, 2);
  assertEquals(recording.stats().malformed, 2);
});

Deno.test("HubbleImport bounds the problems that it keeps", () => {
  const { stats } = read(Array.from({ length: 500 }, () => "{"));
  assertEquals([stats.malformed, stats.problems.length], [500, 100]);
});

Deno.test("HubbleImport counts flows that no connection can be made of", () => {
  const { flows, stats } = read([
    flowLine(SYN, { IP: { source: "", destination: "" } }),
    flowLine(SYN, { l4: undefined }),
    flowLine(SYN, { l4: { IGMP: { type: 1 } } }),
  ]);
  assertEquals(flows, []);
  assertEquals(stats.skipped, { "no address": 1, "no transport protocol": 2 });
});

Deno.test("HubbleImport closes the connection longest unseen when too many are open", () => {
  const ask = (port: number) => flowLine(`udp web:${port} > dns:53`, FORTH);
  const { flows, stats } = read([ask(1), ask(2), ask(1), ask(3)], {
    openConnections: 2,
  });
  assertEquals(flows.map((flow) => flow.flow.sourcePort), [2, 1, 3]);
  assertEquals(stats.evicted, 1);
});

Deno.test("HubbleImport gives records that are the same after JSON", () => {
  const { flows, stats } = read([
    flowLine(SYN, FORTH),
    http("REQUEST", EGRESS),
    "{",
  ]);
  assertEquals(JSON.parse(JSON.stringify(flows)), flows);
  assertEquals(JSON.parse(JSON.stringify(stats)), stats);
});

Deno.test("HubbleImport never throws on mutated recordings, and gives no id twice", () => {
  const text = new TextEncoder().encode([
    flowLine(`tcp web:41000 > ${SERVICE}:80 SYN`, {
      ...FORTH,
      destination_service: { name: "api", namespace: "shop" },
    }),
    flowLine(SYN, FORTH),
    flowLine("tcp api:80 > web:41000 SYN-ACK", {
      ...BACK,
      IP: { source_xlated: SERVICE },
    }),
    http("REQUEST", EGRESS),
    http("RESPONSE", { ...EGRESS, code: 200 }),
  ].join("\n"));
  for (let seed = 0; seed < 2000; seed++) {
    const mutated = new TextDecoder().decode(mutate(text, seed));
    const { flows } = read(mutated.split("\n"));
    assertEquals(new Set(flows.map((one) => one.flow.id)).size, flows.length);
    assert(flows.every((one) => one.flow.id.startsWith("hubble:")));
  }
});
