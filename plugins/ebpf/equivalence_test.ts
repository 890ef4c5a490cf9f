import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Cluster } from "../../core/cluster/cluster.ts";
import type { KubeObject } from "../../core/cluster/model.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import { compilePolicies } from "./compile_policies.ts";
import { settingsFrom } from "./options.ts";
import { ciliumPolicy, networkPolicy, pod, SHOP } from "./_testing.ts";

const CLUSTER = [
  ...SHOP,
  pod("teller", { node: "n1", ip: "10.0.1.90" })
    .replace("namespace: shop", "namespace: bank"),
];

interface Rule {
  readonly peers: readonly Peer[];
  readonly ports: readonly number[];
}

/** A pod label, in the policy's namespace or in another by name. */
interface Peer {
  readonly app: string | null;
  readonly namespace: string | null;
}

const rule: fc.Arbitrary<Rule> = fc.record({
  peers: fc.array(
    fc.record({
      app: fc.constantFrom(null, "client", "near", "web", "teller"),
      namespace: fc.constantFrom(null, "shop", "bank"),
    }),
    { maxLength: 3 },
  ),
  ports: fc.array(fc.constantFrom(80, 8080), { maxLength: 2 }),
});

const draft = fc.record({
  app: fc.constantFrom(null, "client", "web"),
  ingress: fc.option(fc.array(rule, { maxLength: 2 })),
  egress: fc.option(fc.array(rule, { maxLength: 2 })),
});

type Draft = typeof draft extends fc.Arbitrary<infer Value> ? Value : never;

function labels(app: string | null, more = ""): string {
  const all = [app === null ? "" : `app: ${app}`, more]
    .filter((one) => one !== "").join(", ");
  return `{matchLabels: {${all}}}`;
}

function asNetworkPolicy(name: string, draft: Draft): string {
  const rules = (side: string, list: readonly Rule[]) =>
    list.map(({ peers, ports }) =>
      `{${side}: [${
        peers.map(({ app, namespace }) =>
          namespace === null
            ? `{podSelector: ${labels(app)}}`
            : `{podSelector: ${
              labels(app)
            }, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ${namespace}}}}`
        ).join(", ")
      }], ports: [${ports.map((port) => `{port: ${port}}`).join(", ")}]}`
    ).join(", ");
  const types = [
    draft.ingress === null ? "" : "Ingress",
    draft.egress === null ? "" : "Egress",
  ].filter((type) => type !== "").join(", ");
  return networkPolicy(
    name,
    `{podSelector: ${labels(draft.app)}, policyTypes: [${types}], ingress: [${
      rules("from", draft.ingress ?? [])
    }], egress: [${rules("to", draft.egress ?? [])}]}`,
  );
}

/** The same in Cilium's own kind: no rule becomes `{}`, anyone becomes the entity all. */
function asCiliumPolicy(name: string, draft: Draft): string {
  const rules = (side: string, list: readonly Rule[]) =>
    list.length === 0 ? "{}" : list.map(({ peers, ports }) => {
      const whom = peers.length === 0
        ? `${side}Entities: [all]`
        : `${side}Endpoints: [${
          peers.map(({ app, namespace }) =>
            labels(
              app,
              namespace === null
                ? ""
                : `"k8s:io.kubernetes.pod.namespace": ${namespace}`,
            )
          ).join(", ")
        }]`;
      const where = ports.length === 0
        ? ""
        : `, toPorts: [{ports: [${
          ports.map((port) => `{port: "${port}", protocol: TCP}`).join(", ")
        }]}]`;
      return `{${whom}${where}}`;
    }).join(", ");
  const section = (name: string, side: string, list: readonly Rule[] | null) =>
    list === null ? "" : `, ${name}: [${rules(side, list)}]`;
  return ciliumPolicy(
    name,
    `{endpointSelector: ${labels(draft.app)}${
      section("ingress", "from", draft.ingress)
    }${section("egress", "to", draft.egress)}}`,
  );
}

/** Every verdict between all pods, nodes and the world. */
function verdicts(documents: readonly string[]): string[] {
  const text = [...CLUSTER, ...documents].join("\n---\n");
  const cluster = new Cluster();
  const objects: KubeObject[] = [];
  for (const event of importManifests([{ file: "test.yaml", text }]).events) {
    cluster.apply(event);
    if (event.type === "policy.applied") objects.push(event.data.object);
  }
  const { index } = compilePolicies(objects, {
    cluster,
    settings: settingsFrom({}),
  });
  const pods = [...cluster.pods.values()];
  const peers = [
    ...pods.flatMap(({ ips }) => ips),
    ...[...cluster.nodes.values()].flatMap(({ internalIps }) => internalIps),
  ];
  return pods.flatMap((subject) =>
    peers.flatMap((peer) =>
      [80, 8080, 443].flatMap((port) =>
        (["ingress", "egress"] as const).map((direction) =>
          `${direction} ${subject.name} ${peer} ${port} ${
            index.judge({
              direction,
              subject,
              peer,
              protocol: PROTOCOL.tcp,
              port,
            }).verdict
          }`
        )
      )
    )
  );
}

Deno.test("a NetworkPolicy and its translation into Cilium's own kind say the same", () => {
  fc.assert(
    fc.property(fc.array(draft, { maxLength: 3 }), (drafts) => {
      // A policy of neither direction cannot be written in Cilium's kind.
      const used = drafts.filter(({ ingress, egress }) =>
        ingress !== null || egress !== null
      );
      assertEquals(
        verdicts(used.map((one, at) => asCiliumPolicy(`p${at}`, one))),
        verdicts(used.map((one, at) => asNetworkPolicy(`p${at}`, one))),
      );
    }),
    { numRuns: 40 },
  );
});

Deno.test("Cilium's policies in another order, or cut in two by direction, say the same", () => {
  fc.assert(
    fc.property(fc.array(draft, { maxLength: 3 }), (drafts) => {
      const used = drafts.filter(({ ingress, egress }) =>
        ingress !== null && egress !== null
      );
      const whole = used.map((one, at) => asCiliumPolicy(`p${at}`, one));
      const cut = used.flatMap((one, at) => [
        asCiliumPolicy(`in${at}`, { ...one, egress: null }),
        asCiliumPolicy(`out${at}`, { ...one, ingress: null }),
      ]);
      const expected = verdicts(whole);
      assertEquals(verdicts(whole.toReversed()), expected);
      assertEquals(verdicts(cut), expected);
    }),
    { numRuns: 30 },
  );
});
