import type { Divergence } from "../diff/divergence.ts";
import type { Hop } from "../replay/hop.ts";
import type { Outcome } from "../replay/outcome.ts";
import type { ReportCause, ReportModel } from "./report_model.ts";

/** What tests of the formats put into a report: `say` makes every text of it. */
export function sampleReport(say = (name: string) => name): ReportModel {
  const hop = (name: string, change: Partial<Hop> = {}): Hop => ({
    depth: 0,
    direction: "original",
    node: say("n1"),
    pod: null,
    hook: "forward",
    plugin: say("plugin"),
    action: "rewrite",
    detail: say(name),
    rule: null,
    packet: say("tcp 10.0.0.1:1 > 10.0.0.2:2"),
    ...change,
  });
  const rule = (name: string, line: number) => ({
    name: say(name),
    text: say(`text of ${name}`),
    source: { file: `/repo/${say("policy.yaml")}`, line, column: 5 },
  });
  const outcome = (change: Partial<Outcome>): Outcome => ({
    flow: say("flow"),
    verdict: "forwarded",
    reason: null,
    rule: null,
    decidedAt: null,
    backend: say("10.0.0.2:80"),
    receiver: say("shop/web"),
    backends: [],
    source: say("10.0.0.1"),
    identity: say("identity"),
    encryption: [say("none")],
    http: {
      status: 200,
      route: say("route"),
      request: say("GET / x"),
      location: say("elsewhere"),
    },
    reply: true,
    cost: {},
    ...change,
  });
  const same = hop("the same");
  const allowed = hop("allowed", { action: "accept", rule: rule("allow", 9) });
  const dropped = hop("denied", { action: "drop", rule: rule("deny", 3) });
  const passed = hop("passed on");
  const divergence: Divergence = {
    flow: {
      id: say("flow"),
      from: { kind: "pod", namespace: say("shop"), name: say("client") },
      to: { host: say("web.shop"), port: 80 },
      protocol: "tcp",
      sourcePort: null,
      connection: null,
      application: {
        kind: "http",
        tls: false,
        request: {
          method: say("GET"),
          scheme: "http",
          authority: say("web.shop"),
          path: say("/path"),
          headers: [],
        },
      },
    },
    timeNs: 0,
    fields: [{
      field: "verdict",
      left: say("dropped"),
      right: say("forwarded"),
    }],
    class: "specified",
    firstHop: { common: 1, left: dropped, right: passed },
    left: {
      stack: say("old"),
      outcome: outcome({
        verdict: "dropped",
        reason: say("POLICY"),
        rule: dropped.rule,
      }),
      decidedBy: dropped,
    },
    right: { stack: say("new"), outcome: outcome({}), decidedBy: allowed },
  };
  const cause: ReportCause = {
    id: null,
    expected: false,
    class: "specified",
    why: null,
    step: say("a step"),
    at: { file: say("scenario.yaml"), line: 12, column: 5 },
    cause: {
      key: say("key"),
      fields: ["verdict"],
      leftRule: say("deny"),
      rightRule: say("allow"),
      class: "specified",
      count: 3,
      witness: divergence,
    },
    journeys: { left: [same, dropped], right: [same, allowed, passed] },
  };
  return {
    title: say("2 scenarios"),
    root: "/repo",
    sections: [{
      id: say("D99"),
      name: say("a scenario"),
      at: { file: say("scenario.yaml"), line: 1, column: 1 },
      status: "failed",
      reason: null,
      stacks: [say("old"), say("new")],
      flows: 5,
      causes: [
        cause,
        { ...cause, id: say("D98"), expected: true, why: say("known so") },
      ],
      failures: [{
        kind: say("expectation"),
        level: "error",
        at: { file: say("scenario.yaml"), line: 20, column: 7 },
        step: say("a step"),
        stack: say("new"),
        field: say("verdict"),
        expected: say("dropped"),
        actual: say("forwarded"),
        count: 2,
      }],
      changes: [{
        step: say("a Service comes"),
        stacks: [{ stack: say("new"), written: say("16/22 rules") }],
      }],
      unknowns: [{
        stack: say("new"),
        reason: say("not modelled"),
        at: null,
        count: 1,
      }],
    }, {
      id: null,
      name: say("another"),
      at: { file: say("other.yaml"), line: 1, column: 1 },
      status: "not run",
      reason: say("a file is missing"),
      stacks: [],
      flows: 0,
      causes: [],
      failures: [],
      changes: [],
      unknowns: [],
    }],
    notes: [say("a note")],
  };
}

/** Texts that break out where something is not escaped. */
export const HOSTILE: readonly string[] = [
  "<script>alert(1)</script>",
  "\"><img src=x onerror='alert(1)'>",
  "</style></title></td></table><svg/onload=alert(1)>",
  "&lt;b&gt; &amp; <b>",
  "`code` ``more`` ```\n```\n# heading",
  "</summary></details>\n\n# heading\n\n| a | b |",
  "[link](javascript:alert(1)) ![image](x) @somebody #1",
  "a|b\\|c\n| new | row |",
  "%0A::error::x,y:z\r\n::set-output name=a::b",
  "\u001b[31mred\u0000\u202eright to left\u2028",
  "\\",
  "",
];
