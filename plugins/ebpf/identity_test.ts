import { assertEquals } from "@std/assert";
import { makeTape, newEvent } from "../../core/event.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { Ip } from "../../core/packet/ip.ts";
import { replay } from "../../core/replay/engine.ts";
import { definePlugin, noOptions } from "../../core/replay/plugin.ts";
import { flowIntent, runFlows, stackOf } from "../../core/replay/testing.ts";
import { markedIdentity } from "./identity.ts";
import plugin from "./mod.ts";
import { ciliumPolicy, ending, pod, REPLACED, SHOP } from "./_testing.ts";

/** A proxy of the node that sends what comes to port 8000 on to a pod, marked as Cilium's Envoy marks it. */
function door(to: string) {
  return definePlugin({
    manifest: {
      name: "door",
      version: "1.0.0",
      apiVersion: "v1",
      consumes: [],
      kinds: [],
      hooks: { door: { hook: "from-wire", priority: 0 } },
      scope: "flow",
      models: [],
    },
    options: noOptions,
    initialState: () => null,
    evolve: (state: null) => state,
    compile: () => null,
    attach: (_, node) => ({
      door: (packet) =>
        packet.destinationPort !== 8000 ? undefined : {
          kind: "proxy",
          rule: null,
          proxy: {
            name: "door",
            place: { kind: "node", name: node.name },
            handle: ({ payload }) => ({
              kind: "forward",
              destination: Ip.of(to),
              destinationPort: 8080,
              source: null,
              uid: 1,
              mark: 0x0008_0b00,
              payload,
              route: null,
              rule: null,
              backends: [],
            }),
          },
        },
    }),
  });
}

const GATEWAY = { ...REPLACED, gatewayAPI: { enabled: true } };

function through(
  to: string,
  { policy, values = GATEWAY }: {
    readonly policy: string;
    readonly values?: Readonly<Record<string, unknown>>;
  },
) {
  const [result] = runFlows({
    manifests: [...SHOP, policy].join("\n---\n"),
    stack: [[plugin, { values }], [door(to)]],
    flows: [{ from: "ip/203.0.113.9", to: "tcp://192.168.0.1:8000" }],
  });
  const { outcome } = result!;
  return { outcome, ending: ending(result!) };
}

const NEAR = "10.0.1.11";
const FAR = "10.0.2.10";

function admits(entity: string): string {
  return ciliumPolicy(
    "admit",
    `{endpointSelector: {}, ingress: [{fromEntities: [${entity}]}]}`,
  );
}

Deno.test("markedIdentity() reads what get_identity() reads", () => {
  assertEquals(markedIdentity(0x0008_0b00), 8);
  assertEquals(markedIdentity(0x1234_0f01), 0x0001_1234);
  assertEquals(markedIdentity(0x0b00), 0);
  // MARK_MAGIC_HOST carries none.
  assertEquals(markedIdentity(0x0008_0c00), 0);
});

Deno.test("what the node's gateway sends is reserved:ingress, on its node and over the wire", () => {
  for (const to of [NEAR, FAR]) {
    const { outcome, ending } = through(to, { policy: admits("ingress") });
    assertEquals(outcome.verdict, "forwarded", ending);
    assertEquals(outcome.identity, "reserved:ingress");
    // The second address of the node's range that no pod has.
    assertEquals(outcome.source, "10.0.1.2");
  }
});

Deno.test("the host's way into its own pods is not open to the gateway on it", () => {
  for (const entity of ["host", "remote-node", "world", "none", "health"]) {
    for (const to of [NEAR, FAR]) {
      const { ending } = through(to, { policy: admits(entity) });
      const node = to === NEAR ? "n1" : "n2";
      assertEquals(ending, `dropped POLICY_DENIED at ${node} to-pod`, entity);
    }
  }
  for (const entity of ["cluster", "all"]) {
    const { outcome } = through(FAR, { policy: admits(entity) });
    assertEquals(outcome.verdict, "forwarded");
  }
});

Deno.test("a namespace selector does not have the gateway, whatever it stands in for", () => {
  const policy = ciliumPolicy(
    "admit",
    "{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}",
  );
  const { ending } = through(NEAR, { policy });
  assertEquals(ending, "dropped POLICY_DENIED at n1 to-pod");
});

Deno.test("without an ingress address only the mark tells: over a wire it is not known who it is", () => {
  const values = REPLACED;
  const near = through(NEAR, { policy: admits("ingress"), values });
  assertEquals(near.outcome.verdict, "forwarded");
  assertEquals(near.outcome.source, "192.168.0.1");
  const far = through(FAR, { policy: admits("ingress"), values });
  assertEquals(far.outcome.verdict, "unknown");
  // Where policies do not tell it from its node, it does not matter.
  const same = through(FAR, { policy: admits("cluster"), values });
  assertEquals(same.outcome.verdict, "forwarded");
});

Deno.test("through a tunnel the identity goes along, whatever the address", () => {
  const values = { ...REPLACED, routingMode: "tunnel" };
  const far = through(FAR, { policy: admits("ingress"), values });
  assertEquals(far.ending, "10.0.1.1 > 10.0.2.10:8080");
  assertEquals(far.outcome.identity, "reserved:ingress");
});

Deno.test("policies of reserved:ingress itself make what it sends unknown", () => {
  const policy = `kind: CiliumClusterwideNetworkPolicy
apiVersion: cilium.io/v2
metadata: {name: default-deny}
spec: {endpointSelector: {matchExpressions: [{key: io.kubernetes.pod.namespace, operator: NotIn, values: [kube-system]}]}, ingress: [{}]}`;
  assertEquals(through(NEAR, { policy }).outcome.verdict, "unknown");
});

Deno.test("what reserved:ingress may send is known where its policy lets it", () => {
  const policy = (app: string) =>
    `kind: CiliumClusterwideNetworkPolicy
apiVersion: cilium.io/v2
metadata: {name: gateway}
spec: {endpointSelector: {matchLabels: {"reserved:ingress": ""}}, egress: [{toEndpoints: [{matchLabels: {app: ${app}}}]}]}`;
  assertEquals(
    through(FAR, { policy: policy("web") }).outcome.verdict,
    "forwarded",
  );
  // It answers 403 to whoever asks for another.
  assertEquals(
    through(FAR, { policy: policy("near") }).outcome.verdict,
    "unknown",
  );
});

Deno.test("an address belongs to whoever has it at the time", () => {
  const documents = (text: string) =>
    importManifests([{ file: "test.yaml", text }]).events;
  const next = pod("other", { node: "n1", ip: "10.0.1.10" });
  const policy = ciliumPolicy(
    "admit",
    "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{matchLabels: {app: client}}]}]}",
  );
  const flow = (from: string, index: number) =>
    newEvent("flow.opened", {
      flow: flowIntent({ from, to: "tcp://10.0.2.10:8080" }, index),
    });
  const at = (timeNs: number) => (event: ReturnType<typeof newEvent>) => ({
    timeNs,
    event,
  });
  const later = documents(
    [...SHOP.filter((one) => !one.includes("name: client,")), next]
      .join("\n---\n"),
  ).filter((event) =>
    event.type === "pod.applied" && event.data.pod.name === "other"
  );
  const tape = makeTape([
    ...documents([...SHOP, policy].join("\n---\n")).map(at(0)),
    at(1)(flow("pod/shop/client", 0)),
    at(2)(newEvent("pod.deleted", { namespace: "shop", name: "client" })),
    ...later.map(at(3)),
    at(4)(flow("pod/shop/other", 1)),
  ]);
  const { results } = replay(tape, stackOf([plugin, { values: REPLACED }]), {
    seed: 1,
    trace: "full",
  });
  assertEquals(results.map(ending), [
    "10.0.1.10 > 10.0.2.10:8080",
    "dropped POLICY_DENIED at n2 to-pod",
  ]);
});

Deno.test("a pod is the world to other nodes until its identity has come round, on its own at once", () => {
  const late = pod("late", { node: "n2", ip: "10.0.2.40" });
  const policy = ciliumPolicy(
    "late",
    `{endpointSelector: {matchExpressions: [{key: app, operator: In, values: [client, web]}]},
      ingress: [{fromEndpoints: [{matchLabels: {app: late}}]}], egress: [{toEndpoints: [{matchLabels: {app: late}}]}]}`,
  );
  const second = 1_000_000_000;
  const read = (...documents: readonly string[]) =>
    importManifests([{ file: "test.yaml", text: documents.join("\n---\n") }])
      .events;
  const flow = (from: string, to: string, timeNs: number) => ({
    timeNs,
    event: newEvent("flow.opened", {
      flow: { ...flowIntent({ from, to }), id: `${from} ${to} ${timeNs}` },
    }),
  });
  const asked = (timeNs: number) => [
    flow("pod/shop/late", "tcp://10.0.1.10:8080", timeNs),
    flow("pod/shop/late", "tcp://10.0.2.10:8080", timeNs),
    flow("pod/shop/client", "tcp://10.0.2.40:8080", timeNs),
  ];
  const verdicts = (
    options: Readonly<Record<string, unknown>>,
    values: Readonly<Record<string, unknown>> = REPLACED,
  ) => {
    const tape = makeTape([
      ...read(...SHOP, policy).map((event) => ({ timeNs: 0, event })),
      ...read(...SHOP, late).filter((event) =>
        event.type === "pod.applied" && event.data.pod.name === "late"
      ).map((event) => ({ timeNs: second, event })),
      ...asked(second + 1),
      ...asked(2 * second),
    ]);
    const stack = stackOf([plugin, { values, ...options }]);
    return [...replay(tape, stack, { seed: 1, trace: "outcome" }).results]
      .map(({ outcome }) => outcome.reason ?? outcome.verdict);
  };
  const [open, closed] = ["forwarded", "POLICY_DENIED"];
  const known = [open, open, open];
  assertEquals(verdicts({}), [...known, ...known]);
  const delayed = { identityDelayMs: 500 };
  assertEquals(verdicts(delayed), [closed, open, closed, ...known]);
  // A tunnel carries the sender's identity; the receiver's is looked up all the same.
  assertEquals(
    verdicts(delayed, { ...REPLACED, routingMode: "tunnel" }),
    [open, open, closed, ...known],
  );
});

Deno.test("entities: health has the address that the node's annotation says", () => {
  const annotated = SHOP.map((document) =>
    document.replace(
      "metadata: {name: n2}",
      "metadata: {name: n2, annotations: {network.cilium.io/ipv4-health-ip: 10.0.2.77}}",
    )
  );
  for (
    const [entity, verdict] of [["health", 0], ["cluster", 0], ["host", 1]]
  ) {
    const [result] = runFlows({
      manifests: [
        ...annotated,
        ciliumPolicy(
          "out",
          `{endpointSelector: {}, egress: [{toEntities: [${entity}]}]}`,
        ),
      ].join("\n---\n"),
      stack: [[plugin, { values: REPLACED }]],
      flows: [{ from: "pod/shop/client", to: "tcp://10.0.2.77:4240" }],
    });
    const denied = result?.outcome.reason === "POLICY_DENIED";
    assertEquals(denied, verdict === 1, `${entity}`);
  }
});
