import type { FlowRow } from "../../server/schemas.ts";

type Differs = FlowRow["differs"][number];
type Verdict = FlowRow["outcomes"][number]["outcome"]["verdict"];

/** A row for tests: a flow to a port, with what two stacks made of it. */
export function testRow(
  { index = 0, port = 80, verdicts = ["forwarded", "forwarded"], differs = [] }:
    {
      readonly index?: number;
      readonly port?: number;
      readonly verdicts?: readonly Verdict[];
      readonly differs?: readonly Partial<Differs>[];
    } = {},
): FlowRow {
  const stacks = ["kube-proxy", "cilium"];
  return {
    index,
    position: index,
    timeNs: 0,
    step: "a step",
    flow: {
      id: `flow-${index}`,
      from: { kind: "pod", namespace: "shop", name: "web" },
      to: { host: "db.shop", port },
      protocol: "tcp",
      sourcePort: null,
      connection: null,
      application: { kind: "opaque", lengthBytes: 1 },
    },
    text: `pod/shop/web -> tcp://db.shop:${port}`,
    outcomes: verdicts.map((verdict, stack) => ({
      stack: stacks[stack]!,
      outcome: {
        flow: `flow-${index}`,
        verdict,
        reason: verdict === "dropped" ? "POLICY_DENIED" : null,
        rule: null,
        decidedAt: null,
        backend: null,
        receiver: null,
        backends: [],
        source: null,
        identity: null,
        encryption: [],
        http: null,
        reply: true,
        cost: {},
      },
    })),
    differs: differs.map((change) => ({
      left: "kube-proxy",
      right: "cilium",
      fields: [],
      class: "implementation-defined",
      expected: null,
      id: null,
      why: null,
      cause: "",
      ...change,
    })),
  };
}
