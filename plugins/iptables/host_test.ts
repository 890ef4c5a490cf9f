import { assertEquals } from "@std/assert";
import { dump, run, told } from "./_fixtures.ts";

function forwarded(match: string): readonly string[] {
  const rules =
    `*filter\n-A FORWARD ${match} -m conntrack --ctstate NEW -j DROP\nCOMMIT\n`;
  return run(
    { manifests: [], events: [dump(rules)] },
    { from: "pod/shop/client", to: "tcp://10.244.0.6:8080" },
    { from: "ip/203.0.113.9", via: "n1", to: "tcp://10.244.0.6:8080" },
  ).map((result) => told(result).replace(/ .*/, ""));
}

Deno.test("an interface of a dump is a pod's link under any network plugin's name", () => {
  for (const pattern of ["veth+", "cali+", "lxc+", "cni0"]) {
    assertEquals(
      forwarded(`-i ${pattern}`),
      ["dropped:", "10.244.0.6:8080"],
      pattern,
    );
  }
});

Deno.test("an interface that may be the wire or one pod's link leaves only its packets unknown", () => {
  assertEquals(forwarded("-i ens5"), ["10.244.0.6:8080", "unknown:"]);
  assertEquals(forwarded("! -i ens5"), ["dropped:", "unknown:"]);
  assertEquals(forwarded("-i cali1a2b3c"), ["unknown:", "10.244.0.6:8080"]);
});

Deno.test("an interface that the cluster does not have matches nothing", () => {
  assertEquals(forwarded("-i docker0"), ["10.244.0.6:8080", "10.244.0.6:8080"]);
  assertEquals(forwarded("! -i docker0"), ["dropped:", "dropped:"]);
});

Deno.test("whether a packet crosses a bridge is in doubt for pods of a node with a dump alone", () => {
  assertEquals(forwarded("-m physdev --physdev-is-in"), [
    "unknown:",
    "10.244.0.6:8080",
  ]);
  assertEquals(forwarded("-m physdev ! --physdev-is-in"), [
    "unknown:",
    "dropped:",
  ]);
});
