import { assert, assertEquals } from "@std/assert";
import { mutate } from "../../tests/_mutate.ts";
import { bareLine, flowLine } from "./_flow_lines.ts";
import { findJsonError } from "./_json_error.ts";
import type { HubbleFlow } from "./hubble_flow.ts";
import { identityName, isReserved } from "./hubble_flow.ts";
import { parseHubbleLine } from "./hubble_line.ts";

const AT = { file: "flows.jsonl", line: 7, column: 1 };
const WAY = "tcp web:41000 > api:8080 SYN";

function flow(text: string): HubbleFlow {
  const line = parseHubbleLine(text, AT);
  assert(line.kind === "flow", line.kind);
  return line.flow;
}

function problem(text: string) {
  const line = parseHubbleLine(text, AT);
  assert(line.kind === "malformed", line.kind);
  return line.problem;
}

Deno.test("parseHubbleLine() reads both dialects to the same flow", () => {
  assertEquals(flow(flowLine(WAY)), flow(bareLine(WAY)));
  const read = flow(flowLine(WAY));
  assertEquals(read.line, 7);
  assertEquals(read.timeNs, 1767225600000000001n);
  assertEquals(read.node, "worker-1");
  assertEquals(read.source.ip?.text, "10.0.1.1");
  assertEquals(read.source.pod, "web-0");
  assertEquals(read.destination.port, 8080);
  assertEquals([read.protocol, read.tcpFlags], ["tcp", 2]);
});

Deno.test("parseHubbleLine() reads the flow lines of the documentation", () => {
  const path = new URL(
    "../../../shared/samples/hubble/flows-cilium-docs.jsonl",
    import.meta.url,
  );
  let text;
  try {
    text = Deno.readTextFileSync(path);
  } catch {
    const said = "not run: ../shared/samples/hubble is missing\n";
    Deno.stdout.writeSync(new TextEncoder().encode(said));
    return;
  }
  const [router, xwing] = text.trim().split("\n").map(flow);
  assertEquals(router?.icmp, { family: 6, type: 133, code: 0 });
  assertEquals(router?.dropReason, "INVALID_SOURCE_IP");
  assertEquals(xwing?.source.pod, "xwing");
  assertEquals(xwing?.destination.pod, "deathstar-7848d6c4d5-th9v2");
  assertEquals([xwing?.verdict, xwing?.dropReason], [
    "DROPPED",
    "POLICY_DENIED",
  ]);
});

Deno.test("parseHubbleLine() reads 64-bit numbers, which are text", () => {
  const read = flow(flowLine(WAY, {
    Type: "SOCK",
    sock_xlate_point: "SOCK_XLATE_POINT_POST_DIRECTION_FWD",
    socket_cookie: "18446744073709551615",
    egress_allowed_by: [{ name: "out", namespace: "shop", revision: "6" }],
  }));
  // A number would have lost the last digits of the cookie.
  assertEquals(read.socketPoint, {
    when: "after",
    reverse: false,
    cookie: "18446744073709551615",
  });
  assertEquals(read.allowedBy[0]?.revision, 6);
});

Deno.test("parseHubbleLine() takes absent values for zero, and an absent is_reply for unknown", () => {
  const read = flow(flowLine(WAY, { verdict: undefined }));
  assertEquals(read.verdict, "VERDICT_UNKNOWN");
  assertEquals(read.isReply, null);
  assertEquals([read.encrypted, read.proxyPort], [false, 0]);
  assertEquals(read.direction, null);
});

Deno.test("parseHubbleLine() prefers is_reply, and believes the deprecated reply only when true", () => {
  const isReply = (fields: object) =>
    flow(flowLine(WAY, { ...fields })).isReply;
  assertEquals(isReply({ is_reply: true }), true);
  assertEquals(isReply({ is_reply: false, reply: true }), false);
  assertEquals(isReply({ reply: true }), true);
  assertEquals(isReply({ reply: false }), null);
});

Deno.test("parseHubbleLine() names drop reasons, from the old number too", () => {
  const reason = (fields: object) =>
    flow(flowLine(WAY, { verdict: "DROPPED", ...fields })).dropReason;
  assertEquals(reason({ drop_reason_desc: "POLICY_DENY" }), "POLICY_DENY");
  assertEquals(reason({ drop_reason: 133 }), "POLICY_DENIED");
  assertEquals(reason({ drop_reason_desc: 195 }), "UNENCRYPTED_TRAFFIC");
  assertEquals(reason({ drop_reason_desc: 250 }), "DROP_REASON_250");
  assertEquals(reason({ drop_reason_desc: "A_NEW_ONE" }), "A_NEW_ONE");
  assertEquals(reason({}), null);
});

Deno.test("parseHubbleLine() reads what a policy verdict says", () => {
  const read = flow(flowLine(WAY, {
    event_type: { type: 5 },
    traffic_direction: "EGRESS",
    policy_match_type: 2,
    auth_type: "SPIRE",
    egress_allowed_by: [
      { name: "out", namespace: "shop", kind: "CiliumNetworkPolicy" },
    ],
    ingress_denied_by: [{ name: "no" }],
  }));
  assertEquals([read.eventType, read.direction], [5, "egress"]);
  assertEquals([read.policyMatch, read.authentication], ["L3-L4", "SPIRE"]);
  assertEquals(read.allowedBy, [{
    direction: "egress",
    kind: "CiliumNetworkPolicy",
    namespace: "shop",
    name: "out",
    revision: 0,
  }]);
  assertEquals(read.deniedBy[0]?.direction, "ingress");
});

Deno.test("parseHubbleLine() reads HTTP and DNS, and redacts secrets", () => {
  const http = flow(flowLine(WAY, {
    Type: "L7",
    l7: {
      type: "RESPONSE",
      latency_ns: "1200000",
      http: {
        code: 200,
        method: "GET",
        url: "http://svc/ip?token=abc",
        protocol: "HTTP/1.1",
        headers: [
          { key: "Authorization", value: "Bearer abc" },
          { key: "Accept", value: "*/*" },
        ],
      },
    },
  }));
  assertEquals(http.l7?.http, {
    code: 200,
    method: "GET",
    url: "http://svc/ip?token=REDACTED",
    headers: [["Authorization", "REDACTED"], ["Accept", "*/*"]],
  });
  const dns = flow(flowLine("udp web:40000 > dns:53", {
    event_type: undefined,
    l7: {
      type: "RESPONSE",
      dns: { query: "x.svc.", rcode: 3, qtypes: ["A"], ips: ["10.0.0.1"] },
    },
  }));
  assertEquals(dns.l7?.dns, {
    query: "x.svc.",
    rcode: 3,
    ips: ["10.0.0.1"],
    types: ["A"],
  });
  assertEquals(dns.eventType, 129);
});

Deno.test("parseHubbleLine() reads lowerCamelCase names, and seconds and nanos", () => {
  const read = flow(JSON.stringify({
    flow: {
      time: { seconds: "5", nanos: 7 },
      verdict: 2,
      dropReasonDesc: "POLICY_DENIED",
      IP: { source: "10.0.0.1", destination: "10.0.0.2" },
      l4: { TCP: { sourcePort: 5, destinationPort: 80 } },
      source: { podName: "a", namespace: "b" },
      isReply: false,
      nodeName: "n1",
    },
  }));
  assertEquals(read.timeNs, 5_000_000_007n);
  assertEquals([read.verdict, read.dropReason], ["DROPPED", "POLICY_DENIED"]);
  assertEquals([read.source.pod, read.source.port], ["a", 5]);
  assertEquals([read.isReply, read.node], [false, "n1"]);
});

Deno.test("parseHubbleLine() tolerates fields that it does not know, and of other types", () => {
  const read = flow(flowLine(WAY, {
    brand_new: { deep: [1] },
    source: "nobody",
    egress_allowed_by: { not: "a list" },
    l7: null,
    policy_match_type: "what",
    traffic_direction: 5,
  }));
  assertEquals([read.source.pod, read.policyMatch, read.l7], ["", null, null]);
});

Deno.test("parseHubbleLine() counts other kinds of line", () => {
  for (const kind of ["agent_event", "debug_event", "node_status"]) {
    assertEquals(parseHubbleLine(`{"${kind}":{"type":2},"time":"x"}`, AT), {
      kind: "skipped",
      what: kind,
    });
  }
});

Deno.test("parseHubbleLine() tells of lost events and of nodes that are not there", () => {
  assertEquals(
    parseHubbleLine(
      '{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"12"}}',
      AT,
    ),
    { kind: "lost", count: 12, where: "HUBBLE_RING_BUFFER" },
  );
  assertEquals(
    parseHubbleLine(
      '{"node_status":{"state_change":"NODE_UNAVAILABLE","node_names":["n2"]}}',
      AT,
    ),
    { kind: "absent", state: "NODE_UNAVAILABLE", nodes: ["n2"] },
  );
});

Deno.test("parseHubbleLine() refuses the verdict ALLOWED, with a hint", () => {
  const text = '{"verdict":"ALLOWED","IP":{"source":"10.0.0.1"}}';
  const found = problem(text);
  assertEquals(
    found.message,
    'Cannot read flow: verdict "ALLOWED" does not exist',
  );
  assertEquals(found.didYouMean, "FORWARDED");
  assertEquals(found.at, { ...AT, column: 12 });
  assertEquals(found.excerpt, text);
  assertEquals(
    problem('{"flow":{"verdict":"DROPED"}}').didYouMean,
    "DROPPED",
  );
});

for (
  const [text, column, expected] of [
    ['{"flow":{"verdict" "DROPPED"}}', 20, "a colon"],
    ['{"flow":{"verdict":"DROPPED"', 29, "a comma or }"],
    ['{"flow":}', 9, "a value"],
    ['{"a":1,}', 8, "a name in quotes"],
    ['{"a":[1 2]}', 9, "a comma or ]"],
    ["{'a':1}", 2, "a name in quotes or }"],
    ['{"a":"\\x"}', 7, "a value"],
    ['{"a":"b', 8, "a value"],
    ['{"a":01}', 7, "a comma or }"],
    ['{"a":1} x', 9, "nothing more"],
    ["Handling connection", 1, "a value"],
  ] as const
) {
  Deno.test(`parseHubbleLine() shows where ${text} is no JSON`, () => {
    const found = problem(text);
    assertEquals([found.at.column, found.expected], [column, expected]);
    assertEquals(found.excerpt, text);
  });
}

Deno.test("parseHubbleLine() shows no excerpt of a long line, and no secret of a short one", () => {
  assertEquals(problem(`{"a":"${"x".repeat(500)}"`).excerpt, undefined);
  const shown = problem('{"key":"x-token","value":"abcdefghijk"');
  assertEquals(shown.excerpt, '{"key":"x-token","value":"REDACTED***"');
});

for (const text of ["[]", "5", '"flow"', "null", "{}", '{"a":1}']) {
  Deno.test(`parseHubbleLine() refuses ${text}, which is no flow`, () => {
    assert(problem(text).message.startsWith("Cannot read flow: "));
  });
}

Deno.test("findJsonError() finds an error in whatever JSON.parse refuses", () => {
  const text = new TextEncoder().encode(flowLine(WAY));
  let refused = 0;
  for (let seed = 0; seed < 2000; seed++) {
    const mutated = new TextDecoder().decode(mutate(text, seed));
    try {
      JSON.parse(mutated);
    } catch {
      refused++;
      const { index, expected } = findJsonError(mutated);
      assert(index <= mutated.length && expected !== "");
    }
  }
  assert(refused > 500);
});

Deno.test("findJsonError() is linear and bounded for deep and long input", () => {
  assertEquals(findJsonError("[".repeat(1_000_000)).index, 100);
  assertEquals(findJsonError(`"${"\\n".repeat(500_000)}`).index, 1_000_001);
});

Deno.test("parseHubbleLine() never throws on mutated lines", () => {
  const lines = [
    flowLine(WAY, { verdict: "DROPPED", drop_reason_desc: "POLICY_DENIED" }),
    flowLine(WAY, {
      l7: { type: "REQUEST", http: { method: "GET", url: "http://a/b" } },
    }),
    '{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"12"}}',
  ].map((line) => new TextEncoder().encode(line));
  for (let seed = 0; seed < 2000; seed++) {
    const bytes = mutate(lines[seed % lines.length]!, seed);
    parseHubbleLine(new TextDecoder().decode(bytes), AT);
  }
});

Deno.test("identityName() knows reserved and node-local identities", () => {
  assertEquals(
    [1, 2, 4, 6, 7, 8, 9, 10, 1234, 16777217].map(identityName),
    [
      "host",
      "world",
      "health",
      "remote-node",
      "kube-apiserver",
      "ingress",
      "world-ipv4",
      "world-ipv6",
      null,
      "cidr",
    ],
  );
});

Deno.test("isReserved() reads the labels of a node-local identity", () => {
  const endpoint = {
    ip: null,
    port: 0,
    namespace: "",
    pod: "",
    identity: 16777217,
    labels: ["reserved:kube-apiserver", "reserved:world"],
  };
  assert(isReserved(endpoint, "kube-apiserver"));
  assert(isReserved(endpoint, "world"));
  assert(!isReserved(endpoint, "host"));
});
