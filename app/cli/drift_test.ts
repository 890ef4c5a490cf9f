import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Cluster } from "../../core/cluster/cluster.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { printTables } from "../../core/import/iptables_print.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { driftOf } from "../../plugins/iptables/drift.ts";
import { nodeTables } from "../../plugins/iptables/node_tables.ts";
import { optionsSchema } from "../../plugins/iptables/options.ts";
import { readManifests } from "../input/manifests.ts";
import { UsageError } from "./_exit.ts";
import { drift } from "./drift.ts";

const SCENARIO =
  new URL("../../scenarios/D21-nodeport-on-localhost", import.meta.url)
    .pathname;
const CLUSTER = `${SCENARIO}/web.yaml`;

function generated(): string {
  const cluster = new Cluster();
  for (const event of importManifests(readManifests([CLUSTER])).events) {
    cluster.apply(event);
  }
  return printTables(
    nodeTables(
      cluster,
      cluster.nodes.get("n1")!,
      optionsSchema.parse({ egressMasquerade: false }),
    ).v4,
  );
}

function found(live: string) {
  const tables = (text: string) => parseIptablesSave(text, { file: "live" }).v4;
  return driftOf(tables(live), tables(generated()));
}

Deno.test("driftOf() finds nothing in what was generated", () => {
  const { drifts, foreign } = found(generated());
  assertEquals([drifts, foreign], [[], []]);
});

Deno.test("driftOf() tells missing, stale and reordered rules from those of others", () => {
  const jump =
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\n';
  const live = generated()
    .replace(jump, `-A PREROUTING -j cali-PREROUTING\n${jump}`)
    .replace(
      ":KUBE-MARK-MASQ - [0:0]\n",
      "$&:cali-PREROUTING - [0:0]\n:KUBE-XLB-OLD - [0:0]\n",
    )
    .replace(/-A KUBE-NODEPORTS -p tcp.*\n/, "")
    .replace(
      /(-A FORWARD .*KUBE-PROXY-FIREWALL\n)(-A FORWARD .*KUBE-FORWARD\n)/,
      "$2$1",
    )
    .replace(/(-A KUBE-SERVICES -d 10.96.0.210\/32 .*)10.96.0.210/, "$&");
  const { drifts, foreign } = found(live);
  assertEquals(
    drifts.map(({ kind, table, chain }) => `${kind} ${table} ${chain}`),
    [
      "reordered filter FORWARD",
      "missing nat KUBE-NODEPORTS",
      "stale nat KUBE-XLB-OLD",
    ],
  );
  assertEquals(foreign.map(({ owner, before }) => [owner, before]), [
    ["Calico", ["-A PREROUTING -j cali-PREROUTING"]],
  ]);
});

Deno.test("drift() compares the maps of a node's dumps, and no dump of another kind", () => {
  const folder = new URL("../../scenarios", import.meta.url).pathname;
  const cluster = [
    ...["--cluster", `${folder}/two-nodes.yaml`],
    ...["--cluster", `${folder}/samples/live-node/shop.yaml`],
    ...["--node", "n1"],
  ];
  const printed: string[] = [];
  const exit = drift([`${folder}/samples/live-node/n1`, ...cluster], {
    say: (text) => printed.push(text),
  });
  assertEquals(exit, 1);
  const text = printed.join("\n");
  assertStringIncludes(text, "9 entries of Cilium's maps as computed, 2 not");
  assertStringIncludes(
    text,
    "cilium_policy_v2_00102  ingress 40002 80/TCP: denied for want of an entry in place of allow",
  );
  assertStringIncludes(text, "backends 10.0.1.99:80 in place of 10.0.1.20:80");
  assertStringIncludes(text, "live-node/n1/lb.json:2");
  const sets = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(sets, "create web hash:ip\n");
    assertThrows(() => drift([sets, ...cluster]), UsageError, "ipset-save");
  } finally {
    Deno.removeSync(sets);
  }
});

Deno.test("drift() names the nodes there are", () => {
  assertThrows(
    () => drift(["rules", "--cluster", CLUSTER]),
    UsageError,
    "--node is missing: the manifests have n1, n2",
  );
});
