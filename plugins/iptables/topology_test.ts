import { assertEquals } from "@std/assert";
import { runFlows } from "../../core/replay/testing.ts";
import { CLUSTER, service } from "./_fixtures.ts";
import iptables from "./mod.ts";

/** Backends that a pod on n1 may get in each mode, with the nodes in these zones. */
function backends(
  distribution: string,
  { zones, ready = true }: {
    readonly zones: readonly [string, string];
    /** Whether the pod on n1 is. */
    readonly ready?: boolean;
  },
): string[] {
  const zoned = CLUSTER
    .replace("name: n1 }", labelled("n1", zones[0]))
    .replace("name: n2 }", labelled("n2", zones[1]));
  const web = service(
    "web",
    `trafficDistribution: ${distribution}, clusterIP: 10.96.0.10, ports: [{ port: 80, targetPort: 8080 }]`,
  );
  const manifests = [
    ready ? zoned : unready(zoned),
    web,
  ].join("\n---\n");
  const sets = ["iptables", "nftables", "ipvs"].map((mode) => {
    const [result] = runFlows({
      manifests,
      stack: [[iptables, { mode }]],
      flows: [{ from: "pod/shop/client", to: "tcp://10.96.0.10:80" }],
    });
    const { backend, backends } = result!.outcome;
    const all = backends.map((one) => one.backend);
    return all.length === 0 ? [backend!] : all;
  });
  assertEquals(sets[0], sets[1]);
  assertEquals(sets[0], sets[2]);
  return sets[0]!;
}

function labelled(name: string, zone: string): string {
  return `name: ${name}, labels: { topology.kubernetes.io/zone: ${zone} } }`;
}

/** web-1 not ready. */
function unready(text: string): string {
  const [before, after] = text.split("metadata: { name: web-1") as [
    string,
    string,
  ];
  const changed = after.replace('status: "True"', 'status: "False"');
  return `${before}metadata: { name: web-1${changed}`;
}

const HERE = "10.244.0.6:8080";
const THERE = "10.244.1.6:8080";

Deno.test("a Service that prefers its zone is served there in every mode of kube-proxy, while the zone has an endpoint", () => {
  for (const distribution of ["PreferClose", "PreferSameZone"]) {
    const apart = { zones: ["a", "b"] } as const;
    assertEquals(backends(distribution, apart), [HERE]);
    assertEquals(backends(distribution, { ...apart, ready: false }), [THERE]);
    assertEquals(backends(distribution, { zones: ["a", "a"] }), [HERE, THERE]);
  }
});

Deno.test("a Service that prefers its node is served there, else in its zone", () => {
  const together = { zones: ["a", "a"] } as const;
  assertEquals(backends("PreferSameNode", together), [HERE]);
  assertEquals(backends("PreferSameNode", { ...together, ready: false }), [
    THERE,
  ]);
});
