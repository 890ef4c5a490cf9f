import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Cluster } from "../../core/cluster/cluster.ts";
import type { KubeObject } from "../../core/cluster/model.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { Ip } from "../../core/packet/ip.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import {
  PLAIN_PROFILE,
  type PolicyProfile,
} from "../../core/policy/profile.ts";
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
  /** Prefixes, some of which have pods or nodes. */
  readonly blocks: readonly string[];
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
  blocks: fc.array(
    fc.constantFrom(
      "10.0.0.0/16",
      "192.168.0.0/24",
      "203.0.113.0/24",
      "0.0.0.0/0",
    ),
    { maxLength: 1 },
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
    list.map(({ peers, blocks, ports }) =>
      `{${side}: [${
        [
          ...peers.map(({ app, namespace }) =>
            namespace === null
              ? `{podSelector: ${labels(app)}}`
              : `{podSelector: ${
                labels(app)
              }, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ${namespace}}}}`
          ),
          ...blocks.map((cidr) => `{ipBlock: {cidr: ${cidr}}}`),
        ].join(", ")
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

/** The same in Cilium's own kind: no rule becomes `{}`, anyone becomes the entity all, peers of two kinds two rules. */
function asCiliumPolicy(
  name: string,
  draft: Draft,
  denies: Partial<Pick<Draft, "ingress" | "egress">> = {},
): string {
  const rules = (side: string, list: readonly Rule[]) =>
    list.length === 0
      ? "{}"
      : list.flatMap((one) => ciliumRules(side, one)).join(", ");
  const section = (
    name: string,
    side: string,
    list: readonly Rule[] | null | undefined,
  ) => list == null ? "" : `, ${name}: [${rules(side, list)}]`;
  return ciliumPolicy(
    name,
    `{endpointSelector: ${labels(draft.app)}${
      section("ingress", "from", draft.ingress)
    }${section("egress", "to", draft.egress)}${
      section("ingressDeny", "from", denies.ingress)
    }${section("egressDeny", "to", denies.egress)}}`,
  );
}

function ciliumRules(side: string, { peers, blocks, ports }: Rule): string[] {
  const whom = [
    ...(peers.length + blocks.length === 0 ? [`${side}Entities: [all]`] : []),
    ...(peers.length === 0 ? [] : [
      `${side}Endpoints: [${
        peers.map(({ app, namespace }) =>
          labels(
            app,
            namespace === null
              ? ""
              : `"k8s:io.kubernetes.pod.namespace": ${namespace}`,
          )
        ).join(", ")
      }]`,
    ]),
    ...(blocks.length === 0 ? [] : [`${side}CIDR: [${blocks.join(", ")}]`]),
  ];
  const where = ports.length === 0
    ? ""
    : `, toPorts: [{ports: [${
      ports.map((port) => `{port: "${port}", protocol: TCP}`).join(", ")
    }]}]`;
  return whom.map((one) => `{${one}${where}}`);
}

/** Every verdict between all pods, nodes and the world; `direction subject peer port verdict`. */
function verdicts(
  documents: readonly string[],
  profile?: PolicyProfile,
): string[] {
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
    ...(profile === undefined ? {} : { profile }),
  });
  const pods = [...cluster.pods.values()];
  const peers = [
    ...pods.flatMap(({ ips }) => ips),
    ...[...cluster.nodes.values()].flatMap(({ internalIps }) => internalIps),
    Ip.of("203.0.113.9"),
    Ip.of("8.8.8.8"),
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

/** A policy with denials, and the same as one for each rule. */
const denying = fc.record({ allow: draft, deny: draft }).filter((
  { allow, deny },
) =>
  [allow, deny].some(({ ingress, egress }) =>
    ingress !== null || egress !== null
  )
);

type Denying = typeof denying extends fc.Arbitrary<infer Value> ? Value : never;

function asOne(name: string, { allow, deny }: Denying): string {
  // An empty section of denials is none; `{}` in one would deny nobody.
  const some = (list: Draft["ingress"]) =>
    list === null || list.length === 0 ? null : list;
  return asCiliumPolicy(name, allow, {
    ingress: some(deny.ingress),
    egress: some(deny.egress),
  });
}

function asMany(name: string, { allow, deny }: Denying): string[] {
  const none = { app: allow.app, ingress: null, egress: null };
  const parts = (list: Draft["ingress"]) =>
    list === null ? [] : list.length === 0 ? [[]] : list.map((one) => [one]);
  return [
    ...parts(allow.ingress).map((ingress) => ({ ...none, ingress })),
    ...parts(allow.egress).map((egress) => ({ ...none, egress })),
  ].map((one, at) => asCiliumPolicy(`${name}-${at}`, one)).concat(
    [
      ...(deny.ingress ?? []).map((one) => ({ ingress: [one] })),
      ...(deny.egress ?? []).map((one) => ({ egress: [one] })),
    ].map((one, at) => asCiliumPolicy(`${name}-not-${at}`, none, one)),
  );
}

Deno.test("policies of both kinds, denials among them, say the same shuffled, and cut into one for each rule", () => {
  const mixed = fc.record({
    cilium: fc.array(denying, { maxLength: 2 }),
    plain: fc.array(draft, { maxLength: 2 }),
  });
  fc.assert(
    fc.property(
      mixed.chain((drafts) => {
        const documents = [
          ...drafts.cilium.map((one, at) => asOne(`c${at}`, one)),
          ...drafts.plain.map((one, at) => asNetworkPolicy(`k${at}`, one)),
        ];
        const shuffled = fc.shuffledSubarray(documents, {
          minLength: documents.length,
          maxLength: documents.length,
        });
        return fc.record({
          drafts: fc.constant(drafts),
          documents: fc.constant(documents),
          shuffled,
        });
      }),
      ({ drafts, documents, shuffled }) => {
        const expected = verdicts(documents);
        assertEquals(verdicts(shuffled), expected);
        const cut = [
          ...drafts.cilium.flatMap((one, at) => asMany(`c${at}`, one)),
          ...drafts.plain.map((one, at) => asNetworkPolicy(`k${at}`, one)),
        ];
        assertEquals(verdicts(cut), expected);
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("an engine on addresses and Cilium part over blocks that have pods or nodes alone", () => {
  const isOutside = (line: string) =>
    /(203\.0\.113\.9|8\.8\.8\.8) \d+ /.test(line);
  fc.assert(
    fc.property(fc.array(draft, { maxLength: 3 }), (drafts) => {
      const both = (list: readonly Draft[]) => {
        const documents = list.map((one, at) => asNetworkPolicy(`p${at}`, one));
        return [
          verdicts(documents, PLAIN_PROFILE),
          verdicts(documents),
        ] as const;
      };
      const [plain, cilium] = both(drafts);
      assertEquals(cilium.filter(isOutside), plain.filter(isOutside));
      // What Cilium lets through, the other does.
      const open = (list: readonly string[]) =>
        list.filter((line) => line.endsWith("allow"));
      const plainly = new Set(open(plain));
      assertEquals(open(cilium).filter((line) => !plainly.has(line)), []);
      const strip = (list: readonly Rule[] | null) =>
        list?.map((one) => ({ ...one, blocks: [] })) ?? null;
      const [same, again] = both(drafts.map((one) => ({
        ...one,
        ingress: strip(one.ingress),
        egress: strip(one.egress),
      })));
      assertEquals(again, same);
    }),
    { numRuns: 30 },
  );
});
