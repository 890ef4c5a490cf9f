import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { pod, policy, PolicyTest, SHOP } from "./_testing.ts";

const PEERS = [
  "shop/web",
  "shop/db",
  "bank/teller",
  "192.168.0.1",
  "192.168.0.2",
  "203.0.113.9",
  "10.0.1.200",
];
const PORTS = [80, 443, 5432];

const selector = fc.constantFrom(
  "{}",
  "{matchLabels: {app: web}}",
  "{matchLabels: {app: db}}",
  "{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}",
);
const peer = fc.oneof(
  selector.map((one) => `{podSelector: ${one}}`),
  selector.map((one) => `{namespaceSelector: {}, podSelector: ${one}}`),
  fc.constantFrom(
    "{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.1.0/24]}}",
    "{ipBlock: {cidr: 10.0.0.0/8}}",
    "{ipBlock: {cidr: 203.0.113.0/24}}",
  ),
);
const port = fc.constantFrom(
  "{port: 80}",
  "{port: http}",
  "{port: 400, endPort: 500}",
  "{protocol: UDP}",
);
const rule = fc.record({
  peers: fc.array(peer, { maxLength: 3 }),
  ports: fc.array(port, { maxLength: 2 }),
});

interface Draft {
  readonly subject: string;
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}

interface Rule {
  readonly peers: readonly string[];
  readonly ports: readonly string[];
}

const draft: fc.Arbitrary<Draft> = fc.record({
  subject: selector,
  ingress: fc.array(rule, { maxLength: 3 }),
  egress: fc.array(rule, { maxLength: 3 }),
});

function document(name: string, { subject, ingress, egress }: Draft): string {
  const rules = (side: string, list: readonly Rule[]) =>
    `[${
      list.map(({ peers, ports }) =>
        `{${side}: [${peers.join(", ")}], ports: [${ports.join(", ")}]}`
      ).join(", ")
    }]`;
  return policy(
    name,
    `{podSelector: ${subject}, policyTypes: [Ingress, Egress], ingress: ${
      rules("from", ingress)
    }, egress: ${rules("to", egress)}}`,
  );
}

/** Every verdict that there is to ask for. */
function verdicts(documents: readonly string[]): string[] {
  const test = new PolicyTest([SHOP, ...documents]);
  return ["shop/web", "shop/db"].flatMap((subject) =>
    PEERS.flatMap((other) =>
      PORTS.flatMap((number) =>
        ["ingress", "egress"].map((direction) =>
          `${direction} ${subject} ${other} ${number} ${
            test.judge(`${direction} ${subject}`, other, number).verdict
          }`
        )
      )
    )
  );
}

Deno.test("judge() says the same whatever the order of policies and of rules", () => {
  fc.assert(
    fc.property(fc.array(draft, { maxLength: 4 }), fc.nat(), (drafts, turn) => {
      const documents = drafts.map((one, index) => document(`p${index}`, one));
      const turned = drafts.map((one, index) =>
        document(`p${index}`, {
          ...one,
          ingress: one.ingress.toReversed(),
          egress: one.egress.toReversed(),
        })
      );
      const cut = documents.length === 0 ? 0 : turn % documents.length;
      assertEquals(
        verdicts([...turned.slice(cut), ...turned.slice(0, cut)]),
        verdicts(documents),
      );
    }),
    { numRuns: 25 },
  );
});

Deno.test("judge() says the same when a policy is split into one for each rule", () => {
  fc.assert(
    fc.property(fc.array(draft, { maxLength: 3 }), (drafts) => {
      const split = drafts.flatMap((one, index) => {
        const parts = [
          { ...one, ingress: [], egress: [] },
          ...one.ingress.map((rule) => ({
            ...one,
            ingress: [rule],
            egress: [],
          })),
          ...one.egress.map((rule) => ({
            ...one,
            ingress: [],
            egress: [rule],
          })),
        ];
        return parts.map((part, at) => document(`p${index}-${at}`, part));
      });
      const whole = drafts.map((one, index) => document(`p${index}`, one));
      assertEquals(verdicts(split), verdicts(whole));
    }),
    { numRuns: 25 },
  );
});

Deno.test("judge() enforces always and never without regard to policies", () => {
  const always = new PolicyTest([SHOP], { enforcement: "always" });
  assertEquals(always.judge("egress shop/web", "shop/db").verdict, "deny");
  const never = new PolicyTest([SHOP, policy("p", "{podSelector: {}}")], {
    enforcement: "never",
  });
  assertEquals(never.judge("ingress shop/web", "shop/db").verdict, "allow");
});

Deno.test("PolicyIndex takes pods that no policy can tell apart for one party", () => {
  const twins = [1, 2, 3].map((number) =>
    pod("shop/web", { node: "n1", ip: `10.0.1.5${number}` })
      .replace("name: web", `name: web-${number}`)
  );
  const test = new PolicyTest([SHOP, ...twins]);
  const party = (name: string) =>
    test.index.partyOf(test.cluster.pods.get(name)!);
  assertEquals(party("shop/web-1"), party("shop/web-3"));
  assertEquals(party("shop/web-1"), party("shop/web"));
});
