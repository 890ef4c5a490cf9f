import { assertEquals } from "@std/assert";
import { checkPlugin, runFlows } from "plumbline";
import egressAllowList from "./mod.ts";

function cluster(allow: string): string {
  return `
kind: Namespace
apiVersion: v1
metadata: {name: shop, annotations: {egress/allow: "${allow}"}}
---
kind: Node
apiVersion: v1
metadata: {name: n1}
spec: {podCIDR: 10.0.1.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
kind: Pod
apiVersion: v1
metadata: {name: web, namespace: shop}
spec: {nodeName: n1, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.10}]}
---
kind: Pod
apiVersion: v1
metadata: {name: tool, namespace: other}
spec: {nodeName: n1, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.11}]}
`;
}

function ask(from: string, { to, allow }: { to: string; allow: string }) {
  const [result] = runFlows({
    manifests: cluster(allow),
    stack: [[egressAllowList]],
    flows: [{ from, to }],
  });
  return result!.outcome;
}

Deno.test("egress-allow-list keeps every law of the engine", () => {
  const broken = checkPlugin(egressAllowList)
    .filter((check) => check.broken !== null);
  assertEquals(broken, []);
});

Deno.test("egress-allow-list drops what is not on the list, and cites the namespace", () => {
  const allow = "10.0.0.0/8 198.51.100.0/24";
  const to = "tcp://203.0.113.9:443";
  const { verdict, reason, rule } = ask("pod/shop/web", { to, allow });
  assertEquals([verdict, reason], ["dropped", "EGRESS_DENIED"]);
  assertEquals(rule?.name, "egress of namespace shop");
  assertEquals(rule?.text, allow);
  assertEquals(rule?.source?.line, 2);
});

Deno.test("egress-allow-list lets pass what is on the list, answers, and other namespaces", () => {
  const allow = "198.51.100.0/24";
  const listed = "tcp://198.51.100.7:443";
  const other = "tcp://203.0.113.9:443";
  const verdict = (from: string, to: string) =>
    ask(from, { to, allow }).verdict;
  assertEquals(verdict("pod/shop/web", listed), "forwarded");
  assertEquals(verdict("pod/other/tool", other), "forwarded");
  assertEquals(verdict("pod/other/tool", "tcp://10.0.1.10:80"), "forwarded");
});

Deno.test("egress-allow-list takes a list that it cannot read for unknown", () => {
  const to = "tcp://203.0.113.9:443";
  const { verdict } = ask("pod/shop/web", { to, allow: "all of it" });
  assertEquals(verdict, "unknown");
});

Deno.test("egress-allow-list checks its options", () => {
  const { validate } = egressAllowList.options["~standard"];
  assertEquals("issues" in validate({ annotations: "x" }), true);
});
