import { assertEquals } from "@std/assert";
import { Cluster } from "../../core/cluster/cluster.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { CLUSTER, pod, service } from "./_fixtures.ts";
import { optionsSchema } from "./options.ts";
import { SyncCosts } from "./sync_cost.ts";

/** Costs of a first sync with 100 Services of two endpoints, of one more endpoint of one of them, and of no change. */
function costs(mode: "iptables" | "nftables") {
  const cluster = new Cluster();
  const apply = (...manifests: string[]) => {
    const text = manifests.join("\n---\n");
    for (const event of importManifests([{ file: "a.yaml", text }]).events) {
      cluster.apply(event);
    }
  };
  const apps = Array.from({ length: 100 }, (_, index) => `app-${index}`);
  apply(
    CLUSTER,
    ...apps.flatMap((app, index) => [
      pod(`${app}-a`, { node: "n1", ip: `10.244.0.${index + 20}`, app }),
      pod(`${app}-b`, { node: "n2", ip: `10.244.1.${index + 20}`, app }),
      service(
        app,
        `clusterIP: 10.96.1.${index}, ports: [{ port: 80, targetPort: 8080 }]`,
        { app },
      ),
    ]),
  );
  const counted = new SyncCosts(optionsSchema.parse({ mode }));
  const next = () => counted.next(cluster, cluster.nodes.get("n1")!);
  const first = next();
  apply(pod("more", { node: "n1", ip: "10.244.0.200", app: "app-7" }));
  return { first, endpoint: next(), nothing: next() };
}

Deno.test("SyncCosts counts the whole shared chains with every sync in iptables mode", () => {
  const { first, endpoint, nothing } = costs("iptables");
  assertEquals(first.partial, first.full);
  assertEquals(endpoint.full - first.full, 3);
  // The chain of the Service, a rule each for its endpoints and one for masquerading, and two in the chain of each endpoint.
  assertEquals(endpoint.partial - nothing.partial, 4 + 3 * 2);
  assertEquals(nothing.partial > 100, true);
});

Deno.test("SyncCosts counts only what changed in nftables mode", () => {
  const { first, endpoint, nothing } = costs("nftables");
  assertEquals(first.partial, first.full);
  assertEquals([endpoint.partial, nothing.partial], [1 + 1 + 3 * 2 + 1, 0]);
});
