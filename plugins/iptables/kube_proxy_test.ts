import { assertEquals } from "@std/assert";
import { Cluster } from "../../core/cluster/cluster.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { printTables } from "../../core/import/iptables_print.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { CLUSTER, pod, service } from "./_fixtures.ts";
import { chainHash, ChainNames } from "./chain_name.ts";
import { nodeTables } from "./node_tables.ts";
import { type IptablesOptions, optionsSchema } from "./options.ts";

function rulesOn(
  node: string,
  manifests: readonly string[],
  options: Partial<IptablesOptions> = {},
): string {
  const cluster = new Cluster();
  const text = [CLUSTER, ...manifests].join("\n---\n");
  for (const event of importManifests([{ file: "a.yaml", text }]).events) {
    cluster.apply(event);
  }
  const tables = nodeTables(
    cluster,
    cluster.nodes.get(node)!,
    optionsSchema.parse({ egressMasquerade: false, ...options }),
  );
  return printTables(tables.v4);
}

function chainOf(rules: string, chain: string): readonly string[] {
  return rules.split("\n")
    .filter((line) => line.startsWith(`-A ${chain} `))
    .map((line) => line.slice(chain.length + 4));
}

Deno.test("ChainNames are those of kube-proxy", () => {
  assertEquals(chainHash("ns1/svc1:p80tcp"), "XPGD46QRK7WJZT7O");
  const names = new ChainNames("ns1/svc1:p80", "tcp");
  assertEquals(names.ofService("SVC"), "KUBE-SVC-XPGD46QRK7WJZT7O");
  assertEquals(
    names.ofEndpoint("10.180.0.1:80"),
    "KUBE-SEP-SXIVWICOYRO3J4NJ",
  );
});

Deno.test("nodeTables() prepends jumps, so that they stand in the reverse order", () => {
  const [rules] = rulesOn("n1", []).split("*nat") as [string];
  const jumps = (chain: string) =>
    chainOf(rules, chain).map((rule) => rule.split(" ").at(-1));
  assertEquals(jumps("FORWARD"), [
    "KUBE-PROXY-FIREWALL",
    "KUBE-FORWARD",
    "KUBE-SERVICES",
    "KUBE-EXTERNAL-SERVICES",
  ]);
  assertEquals(jumps("INPUT"), [
    "KUBE-FIREWALL",
    "KUBE-PROXY-FIREWALL",
    "KUBE-NODEPORTS",
    "KUBE-EXTERNAL-SERVICES",
  ]);
  assertEquals(jumps("OUTPUT"), [
    "KUBE-FIREWALL",
    "KUBE-PROXY-FIREWALL",
    "KUBE-SERVICES",
  ]);
});

Deno.test("nodeTables() writes rules that the parser reads back as they are", () => {
  const rules = rulesOn("n1", [
    service(
      "web",
      "type: NodePort, clusterIP: 10.96.0.10, sessionAffinity: ClientIP, ports: [{ name: http, port: 80, targetPort: 8080, nodePort: 30080 }]",
    ),
  ]);
  const { v4 } = parseIptablesSave(rules, { file: "n1" });
  assertEquals(printTables(v4), rules);
});

Deno.test("nodeTables() sorts endpoints as text, port included", () => {
  const rules = rulesOn("n1", [
    pod("a", { node: "n1", ip: "10.244.0.1", app: "text" }),
    pod("b", { node: "n1", ip: "10.244.0.10", app: "text" }),
    service("text", "clusterIP: 10.96.0.7, ports: [{ port: 80 }]", {
      app: "text",
    }),
  ]);
  const name = new ChainNames("shop/text", "tcp").ofService("SVC");
  assertEquals(
    chainOf(rules, name).map((rule) => /-> (\S+)"/.exec(rule)?.[1])
      .filter((text) => text !== undefined),
    ["10.244.0.10:80", "10.244.0.1:80"],
  );
});

Deno.test("nodeTables() leaves comments out in a large cluster", () => {
  const pods = Array.from({ length: 1_001 }, (_, index) =>
    pod(`p${index}`, {
      node: "n2",
      ip: `10.244.${2 + (index >> 8)}.${index & 255}`,
      app: "big",
    }));
  const rules = rulesOn("n1", [
    ...pods,
    service("big", "clusterIP: 10.96.0.7, ports: [{ port: 80 }]", {
      app: "big",
    }),
  ], { masqueradeAll: true });
  const name = new ChainNames("shop/big", "tcp").ofService("SVC");
  const [masquerade, first] = chainOf(rules, name);
  assertEquals(
    masquerade,
    '-d 10.96.0.7/32 -p tcp -m comment --comment "shop/big cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ',
  );
  assertEquals(/--comment/.test(first!), false);
});

Deno.test("nodeTables() detects local traffic as detectLocalMode says", () => {
  const web = service("web", "clusterIP: 10.96.0.10, ports: [{ port: 80 }]");
  const name = new ChainNames("shop/web", "tcp").ofService("SVC");
  const test = (options: Partial<IptablesOptions>) =>
    chainOf(rulesOn("n1", [web], options), name)[0]!.split(" -m comment")[0];
  assertEquals(
    test({}),
    "! -s 10.244.0.0/23 -d 10.96.0.10/32 -p tcp",
  );
  assertEquals(
    test({ clusterCIDR: "10.0.0.0/8,fd00::/48" }),
    "! -s 10.0.0.0/8 -d 10.96.0.10/32 -p tcp",
  );
  assertEquals(
    test({ detectLocalMode: "NodeCIDR" }),
    "! -s 10.244.0.0/24 -d 10.96.0.10/32 -p tcp",
  );
  assertEquals(
    test({
      detectLocalMode: "InterfaceNamePrefix",
      detectLocal: { bridgeInterface: "", interfaceNamePrefix: "cali" },
    }),
    "-d 10.96.0.10/32 ! -i cali+ -p tcp",
  );
});

Deno.test("nodeTables() does not capture an address whose balancer is a proxy", () => {
  const balanced = (mode: string) =>
    service(
      "web",
      "type: LoadBalancer, clusterIP: 10.96.0.10, ports: [{ port: 80, nodePort: 30080 }]",
      {
        status:
          `{ loadBalancer: { ingress: [{ ip: 1.2.3.4, ipMode: ${mode} }] } }`,
      },
    );
  const captured = (mode: string) =>
    rulesOn("n1", [balanced(mode)]).includes("-d 1.2.3.4/32");
  assertEquals([captured("VIP"), captured("Proxy")], [true, false]);
});
