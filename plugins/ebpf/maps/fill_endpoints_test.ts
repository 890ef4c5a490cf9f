import { assertEquals } from "@std/assert";
import { Cluster } from "../../../core/cluster/cluster.ts";
import { importManifests } from "../../../core/import/manifests.ts";
import { Cidr, Ip } from "../../../core/packet/ip.ts";
import {
  fillIpcache,
  fillLxc,
  type IdentityNumbers,
} from "./fill_endpoints.ts";
import { findEndpoint, findIdentity } from "./find_endpoint.ts";

const NUMBERS: IdentityNumbers = {
  ofPod: ({ name }) => name === "near" ? 256 : 257,
  ofNode: (_, as) => as === "host" ? 1 : 6,
  prefixes: [
    [Cidr.of("0.0.0.0/0"), 2],
    [Cidr.of("192.0.2.0/24"), 16_777_217],
  ],
};

Deno.test("fillIpcache() knows pods, nodes and prefixes, and the node behind the tunnel", () => {
  const of = (tunnel: boolean) => {
    const map = fillIpcache(cluster(), {
      node: "n1",
      numbers: NUMBERS,
      tunnel,
    });
    return (ip: string) => {
      const found = findIdentity(map, Ip.of(ip));
      return `${found?.identity} ${found?.tunnelEndpoint?.text ?? "direct"}`;
    };
  };
  const tunnelled = of(true);
  assertEquals(tunnelled("10.0.1.1"), "256 direct");
  assertEquals(tunnelled("10.0.2.1"), "257 192.168.0.2");
  assertEquals(tunnelled("192.168.0.1"), "1 direct");
  assertEquals(tunnelled("192.168.0.2"), "6 direct");
  assertEquals(tunnelled("192.0.2.9"), "16777217 direct");
  assertEquals(tunnelled("203.0.113.9"), "2 direct");
  assertEquals(of(false)("10.0.2.1"), "257 direct");
});

Deno.test("fillLxc() has the node's own pods alone", () => {
  const map = fillLxc(cluster(), { node: "n1", numbers: NUMBERS });
  const number = (ip: string) => findEndpoint(map, Ip.of(ip));
  assertEquals(
    ["10.0.1.1", "192.168.0.1", "10.0.2.1"].map(number),
    [1, 0, undefined],
  );
});

function cluster(): Cluster {
  const node = (number: number) =>
    `kind: Node
apiVersion: v1
metadata: {name: n${number}}
spec: {podCIDR: 10.0.${number}.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.${number}}]}`;
  const pod = (name: string, number: number) =>
    `kind: Pod
apiVersion: v1
metadata: {name: ${name}, namespace: shop}
spec: {nodeName: n${number}, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: 10.0.${number}.1}]}`;
  const text = [node(1), node(2), pod("near", 1), pod("far", 2)].join(
    "\n---\n",
  );
  const cluster = new Cluster();
  for (const event of importManifests([{ file: "a.yaml", text }]).events) {
    cluster.apply(event);
  }
  return cluster;
}
