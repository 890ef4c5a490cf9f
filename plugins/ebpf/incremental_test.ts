import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { makeTape, type NewEvent, newEvent } from "../../core/event.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { replay } from "../../core/replay/engine.ts";
import { flowIntent, stackOf } from "../../core/replay/testing.ts";
import plugin from "./mod.ts";
import {
  ciliumPolicy,
  ending,
  networkPolicy,
  pod,
  REPLACED,
  service,
  SHOP,
} from "./_testing.ts";

/** Documents of which any may be there or not at any time. */
const CHANGES: readonly string[] = [
  ciliumPolicy(
    "a",
    "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: [{matchLabels: {app: client}}]}]}",
  ),
  ciliumPolicy(
    "b",
    "{endpointSelector: {}, egress: [{toEntities: [cluster]}]}",
  ),
  ciliumPolicy(
    "c",
    "{endpointSelector: {matchLabels: {app: near}}, ingressDeny: [{fromEndpoints: [{}]}]}",
  ),
  ciliumPolicy(
    "d",
    "{endpointSelector: {matchLabels: {app: client}}, egress: [{toServices: [{k8sService: {serviceName: extra, namespace: shop}}]}]}",
  ),
  networkPolicy(
    "e",
    "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}",
  ),
  pod("extra", { node: "n1", ip: "10.0.1.99" }),
  service("extra", { ip: "10.96.0.99" }),
];

const PROBES = ["client", "near", "web"].flatMap((from) =>
  [
    "10.96.0.2:80",
    "10.96.0.3:80",
    "10.96.0.99:80",
    "203.0.113.7:443",
    "10.0.1.99:8080",
  ]
    .map((to) => ({ from: `pod/shop/${from}`, to: `tcp://${to}` }))
);

function eventsOf(documents: readonly string[]): readonly NewEvent[] {
  const text = documents.join("\n---\n");
  return importManifests([{ file: "test.yaml", text }]).events;
}

/** What takes an object away again. */
function removalOf(event: NewEvent): NewEvent | undefined {
  switch (event.type) {
    case "policy.applied": {
      const { apiVersion, kind, metadata } = event.data.object;
      const namespace = metadata.namespace ?? null;
      const { name } = metadata;
      return newEvent("policy.deleted", { apiVersion, kind, namespace, name });
    }
    case "pod.applied": {
      const { namespace, name } = event.data.pod;
      return newEvent("pod.deleted", { namespace, name });
    }
    case "service.applied": {
      const { namespace, name } = event.data.service;
      return newEvent("service.deleted", { namespace, name });
    }
  }
}

const OWN = CHANGES.map((document) => {
  const all = eventsOf([...SHOP, document]);
  const known = new Set(
    eventsOf(SHOP).map((event) => JSON.stringify(nameOf(event))),
  );
  return all.filter((event) => !known.has(JSON.stringify(nameOf(event))));
});

function nameOf({ type, data }: NewEvent): unknown {
  const [object] = Object.values(data) as { name?: string }[];
  const { metadata } = object as { metadata?: { name: string } };
  return [type, metadata?.name ?? object?.name];
}

function probesAt(timeNs: number, first: number) {
  return PROBES.map((probe, index) => ({
    timeNs,
    event: newEvent("flow.opened", { flow: flowIntent(probe, first + index) }),
  }));
}

Deno.test("what is compiled step by step decides as what is compiled at once", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(CHANGES.length - 1), { minLength: 1, maxLength: 8 }),
      (toggles) => {
        const there = new Set<number>();
        const steps: { timeNs: number; event: NewEvent }[] = [];
        const stack = () => stackOf([plugin, { values: REPLACED }]);
        const base = eventsOf(SHOP).map((event) => ({ timeNs: 0, event }));
        for (const [step, toggle] of toggles.entries()) {
          const timeNs = step + 1;
          for (const event of OWN[toggle]!) {
            const change = there.has(toggle) ? removalOf(event) : event;
            if (change !== undefined) steps.push({ timeNs, event: change });
          }
          if (!there.delete(toggle)) there.add(toggle);
          // A flow after each step has the plugin compile what is there then.
          if (step + 1 < toggles.length) {
            steps.push(...probesAt(timeNs, 1_000 * step));
          }
        }
        const end = toggles.length + 1;
        const options = { seed: 1, trace: "outcome" } as const;
        const stepwise = replay(
          makeTape([...base, ...steps, ...probesAt(end, 100_000)]),
          stack(),
          options,
        ).results.slice(-PROBES.length);
        const atOnce = replay(
          makeTape([
            ...base,
            ...[...there].sort().flatMap((at) => OWN[at]!)
              .map((event) => ({ timeNs: 0, event })),
            ...probesAt(end, 100_000),
          ]),
          stack(),
          options,
        ).results;
        assertEquals(stepwise.map(ending), atOnce.map(ending));
        assertEquals(
          stepwise.map(({ outcome }) => outcome.rule),
          atOnce.map(({ outcome }) => outcome.rule),
        );
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("a label of a namespace that changes changes who its pods are", () => {
  const namespace = (team: string) =>
    `kind: Namespace
apiVersion: v1
metadata: {name: shop, labels: {team: ${team}}}`;
  const policy = networkPolicy(
    "team",
    "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: red}}}]}]}",
  );
  const flow = (index: number) =>
    newEvent("flow.opened", {
      flow: flowIntent(
        { from: "pod/shop/client", to: "tcp://10.0.2.10:8080" },
        index,
      ),
    });
  const [changed] = eventsOf([namespace("blue")]);
  const tape = makeTape([
    ...eventsOf([...SHOP, policy, namespace("red")])
      .map((event) => ({ timeNs: 0, event })),
    { timeNs: 1, event: flow(0) },
    { timeNs: 2, event: changed! },
    { timeNs: 3, event: flow(1) },
  ]);
  const { results } = replay(tape, stackOf([plugin, {}]), {
    seed: 1,
    trace: "outcome",
  });
  assertEquals(results.map(({ outcome }) => outcome.verdict), [
    "forwarded",
    "dropped",
  ]);
  assert(results.every(({ outcome }) => outcome.identity !== null));
});
