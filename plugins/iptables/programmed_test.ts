import { assertEquals } from "@std/assert";
import { Cluster } from "../../core/cluster/cluster.ts";
import { Replay } from "../../core/replay/engine.ts";
import type { Writes } from "../../core/replay/sync.ts";
import { use } from "../../core/replay/testing.ts";
import { CLUSTER, pod, service } from "./_fixtures.ts";
import { applyEvents } from "../../core/import/manifests.ts";
import { type Event, type NewEvent, newEvent } from "../../core/event.ts";
import iptables from "./mod.ts";

const APPS = Array.from({ length: 100 }, (_, index) => `app-${index}`);

/** 100 Services of two endpoints each. */
const SERVICES = APPS.flatMap((app, index) => [
  pod(`${app}-a`, { node: "n1", ip: `10.244.0.${index + 20}`, app }),
  pod(`${app}-b`, { node: "n2", ip: `10.244.1.${index + 20}`, app }),
  service(
    app,
    `clusterIP: 10.96.1.${index}, ports: [{ port: 80, targetPort: 8080 }]`,
    { app },
  ),
]);

/** A running kube-proxy that says what each change writes on a node. */
function proxy(mode: string) {
  const stack = {
    name: mode,
    plugins: [use(iptables, { mode, clusterCIDR: "10.244.0.0/16" })],
    nodes: {},
  };
  const replay = new Replay(stack, { seed: 1, trace: "outcome" });
  const cluster = new Cluster();
  let position = 0;
  const happen = (event: NewEvent) => {
    cluster.apply(event);
    replay.apply({ ...event, position: position++, timeNs: 0 } as Event);
  };
  const apply = (...manifests: string[]) => {
    const text = manifests.join("\n---\n");
    const files = [{ file: "a.yaml", text }];
    for (
      const event of applyEvents(files, { cluster }).events
    ) {
      happen(event);
    }
    return replay.sync()!;
  };
  const remove = (name: string) => {
    happen(newEvent("service.deleted", { namespace: "shop", name }));
    return replay.sync()!;
  };
  return { apply, remove };
}

/** What the usual changes write. */
function changes(mode: string): Record<string, Writes> {
  const { apply, remove } = proxy(mode);
  const first = apply(CLUSTER, ...SERVICES);
  assertEquals(first.written, first.full);
  assertEquals(first.nodes, 2);
  return {
    first: first.written,
    nothing: apply(
      service(
        "app-3",
        "clusterIP: 10.96.1.3, ports: [{ port: 80, targetPort: 8080 }]",
        { app: "app-3" },
      ),
    ).written,
    endpoint: apply(
      pod("more", { node: "n1", ip: "10.244.0.200", app: "app-7" }),
    ).written,
    added: apply(
      service(
        "late",
        "clusterIP: 10.96.2.1, ports: [{ port: 80, targetPort: 8080 }]",
        { app: "app-9" },
      ),
    ).written,
    deleted: remove("late").written,
  };
}

Deno.test("programmed() counts in iptables mode the chains that all Services share with every sync, as sync_proxy_rules_iptables_last does", () => {
  // Own: a jump in KUBE-SERVICES, one rule to masquerade and one a pod in the Service's chain, two a pod in the pods'.
  assertEquals(changes("iptables"), {
    first: { rules: 9 + 100 * (1 + 1 + 2 * 3) },
    nothing: {},
    endpoint: { rules: 9 + 100 + (1 + 3 * 3) },
    added: { rules: 9 + 101 + (1 + 2 * 3) },
    deleted: { rules: 9 + 100 },
  });
});

Deno.test("programmed() counts in nftables mode only what changed", () => {
  assertEquals(changes("nftables"), {
    first: { rules: 22 + 100 * (1 + 1 + 2 * 2), elements: 1 + 100 * 2 },
    nothing: {},
    endpoint: { rules: 1 + 1 + 3 * 2 },
    added: { rules: 1 + 1 + 2 * 2, elements: 2 },
    deleted: { elements: 2 },
  });
});

Deno.test("programmed() counts in ipvs mode entries of sets, servers and addresses one by one, and the few rules with every sync", () => {
  const always = { rules: 20 };
  assertEquals(changes("ipvs"), {
    // In the sets: each ClusterIP twice, and half of the pods, which are on the node.
    first: { ...always, elements: 300, servers: 300, addresses: 100 },
    nothing: {},
    endpoint: { ...always, elements: 1, servers: 1 },
    added: { ...always, elements: 2, servers: 3, addresses: 1 },
    // The virtual server takes its real servers along.
    deleted: { ...always, elements: 2, servers: 1, addresses: 1 },
  });
});

Deno.test("programmed() counts in nftables mode an element of another verdict as deleted and added", () => {
  const { apply } = proxy("nftables");
  const lone = (ready: boolean) =>
    pod("lone", { node: "n1", ip: "10.244.0.9", ready });
  const local = service(
    "lone",
    "type: NodePort, externalTrafficPolicy: Local, clusterIP: 10.96.3.1, ports: [{ port: 80, targetPort: 8080, nodePort: 30090 }]",
    { app: "lone" },
  );
  apply(CLUSTER, lone(true), local);
  // On n2, which had none of its own: two elements go, one comes, and the drop of its node port is a reject now.
  const { node, written } = apply(lone(false));
  assertEquals([node, written], ["n2", { elements: 2 + 1 + 2 }]);
});
