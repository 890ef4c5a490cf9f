import { assertEquals } from "@std/assert";
import { ciliumPolicy, runOne, SHOP } from "./_testing.ts";

/** 40 single ports from each of ten prefixes: 400 entries, and those of hosts and the world. */
const MANY = ciliumPolicy(
  "many",
  `{endpointSelector: {matchLabels: {app: near}}, ingress: [{fromCIDR: [${
    Array.from({ length: 10 }, (_, at) => `203.0.${at}.0/24`).join(", ")
  }], toPorts: [{ports: [${
    Array.from({ length: 40 }, (_, at) =>
      `{port: "${1_001 + 2 * at}", protocol: TCP}`)
      .join(", ")
  }]}]}, {fromEndpoints: [{}]}]}`,
);

function outcome(values: Readonly<Record<string, unknown>>, version = "1.18") {
  const { verdict, reason } = runOne([...SHOP, MANY], {
    from: "pod/shop/client",
    to: "tcp://10.0.1.11:8080",
    values,
    version,
  }).outcome;
  return `${verdict} ${reason}`;
}

Deno.test("a policy map with room for its entries decides as policies do", () => {
  assertEquals(outcome({ bpf: { policyMapMax: 512 } }), "forwarded null");
});

Deno.test("a policy map without room stays as it was, and nobody knows how that is", () => {
  const reason = outcome({ bpf: { policyMapMax: 256 } });
  assertEquals(
    reason.replace(/\d{3} entries/, "N entries"),
    "unknown the policy map needs N entries and has room for 256: the agent leaves it as it was",
  );
});

Deno.test("an endpoint without room is locked down where that is asked for", () => {
  const values = {
    bpf: { policyMapMax: 256 },
    endpointLockdownOnMapOverflow: true,
  };
  assertEquals(outcome(values), "dropped POLICY_DENY");
  assertEquals(outcome(values, "1.16").split(" ")[0], "unknown");
});
