import { assertEquals } from "@std/assert";
import type { Outcome } from "../replay/outcome.ts";
import { checkOutcome } from "./check_outcome.ts";
import type { ExpectedOutcome } from "./scenario.ts";

const OUTCOME: Outcome = {
  flow: "a",
  verdict: "forwarded",
  reason: null,
  rule: { name: "nat KUBE-SEP-A:2" },
  decidedAt: null,
  backend: "10.0.1.5:80",
  receiver: "shop/web",
  backends: [],
  source: "172.18.0.2",
  identity: "reserved:remote-node",
  encryption: ["none", "wireguard"],
  http: {
    status: 200,
    route: "shop/route",
    request: "GET web.shop /a",
    location: null,
  },
  reply: true,
  cost: {},
};

function fieldsWrong(
  expected: Partial<ExpectedOutcome>,
  outcome: Partial<Outcome> = {},
): string[] {
  const at = { file: "s.yaml", line: 1, column: 1 };
  return checkOutcome(
    { stack: null, at, diverges: [], ...expected },
    { ...OUTCOME, ...outcome },
  ).map(({ field, expected, actual }) => `${field}: ${expected} | ${actual}`);
}

Deno.test("checkOutcome() judges what is expected and nothing else", () => {
  assertEquals(fieldsWrong({}), []);
  assertEquals(
    fieldsWrong({
      verdict: "forwarded",
      reason: "none",
      rule: "KUBE-SEP-A/*",
      backend: "10.0.*",
      receiver: "shop/*",
      source: "172.18.0.2",
      identity: "*remote-node",
      encrypted: false,
      encryption: ["none", "wireguard"],
      status: 200,
      route: "shop/*",
      request: "GET * /a",
      location: "none",
      reply: true,
    }),
    [],
  );
});

Deno.test("checkOutcome() says of each field what was expected and what came", () => {
  assertEquals(
    fieldsWrong({
      verdict: "dropped",
      reason: "POLICY*",
      rule: "KUBE-FW-*",
      backend: "10.1.*",
      encrypted: true,
      encryption: ["wireguard"],
      status: 503,
      location: "/b",
      reply: false,
    }),
    [
      "verdict: dropped | forwarded",
      "reason: POLICY* | none",
      "rule: KUBE-FW-* | nat KUBE-SEP-A:2",
      "backend: 10.1.* | 10.0.1.5:80",
      "encrypted: true | false",
      "encryption: wireguard | none, wireguard",
      "status: 503 | 200",
      "location: /b | none",
      "reply: false | true",
    ],
  );
});

Deno.test("checkOutcome() takes nothing for encrypted that crossed no wire", () => {
  assertEquals(fieldsWrong({ encrypted: true }, { encryption: [] }), [
    "encrypted: true | false",
  ]);
  assertEquals(
    fieldsWrong({ encrypted: true }, { encryption: ["mtls", "wireguard"] }),
    [],
  );
  assertEquals(fieldsWrong({ encryption: ["none"] }, { encryption: [] }), [
    "encryption: none | no wire crossed",
  ]);
});

Deno.test("checkOutcome() finds no status where there was no HTTP", () => {
  assertEquals(fieldsWrong({ status: 200 }, { http: null }), [
    "status: 200 | none",
  ]);
});
