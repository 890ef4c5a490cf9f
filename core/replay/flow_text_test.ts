import { assertEquals } from "@std/assert";
import { parsePlace, parseTarget } from "./flow_text.ts";

Deno.test("parsePlace() reads the three short forms", () => {
  assertEquals(parsePlace("pod/shop/web"), {
    kind: "pod",
    namespace: "shop",
    name: "web",
  });
  assertEquals(parsePlace("node/n1"), { kind: "node", name: "n1" });
  assertEquals(parsePlace("ip/fd00::1", "n1"), {
    kind: "outside",
    ip: "fd00::1",
    via: "n1",
  });
  for (const text of ["", "pod/web", "pod//web", "ip/banana", "node/a/b"]) {
    assertEquals(parsePlace(text), undefined, text);
  }
});

Deno.test("parseTarget() reads names, both address families and ICMP", () => {
  assertEquals(parseTarget("tcp://web.shop:80"), {
    protocol: "tcp",
    to: { host: "web.shop", port: 80 },
  });
  assertEquals(parseTarget("udp://[fd00::1]:53"), {
    protocol: "udp",
    to: { host: "fd00::1", port: 53 },
  });
  assertEquals(parseTarget("icmp://10.0.0.1"), {
    protocol: "icmp",
    to: { host: "10.0.0.1", port: 0 },
  });
  for (
    const text of ["tcp://web", "icmp://a:1", "tcp://a:99999", "http://a:1", ""]
  ) assertEquals(parseTarget(text), undefined, text);
});
