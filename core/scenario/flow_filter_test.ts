import { assert, assertEquals } from "@std/assert";
import { flowIntent } from "../replay/testing.ts";
import { parseFlowFilter } from "./flow_filter.ts";

const WEB = flowIntent({
  from: "pod/shop/web",
  to: "tcp://10.0.0.2:80",
  http: { url: "http://api.shop/items", method: "POST" },
});
const OUTSIDER = flowIntent({
  from: "ip/203.0.113.9",
  to: "udp://10.0.0.10:53",
});

Deno.test("parseFlowFilter() compares, joins and negates", () => {
  const cases: [string, boolean, boolean][] = [
    ["dst.port in [80,443]", true, false],
    ["dst.port not in [80, 443]", false, true],
    ["protocol == udp", false, true],
    ["protocol != udp", true, false],
    ["src.namespace == shop and dst.port == 80", true, false],
    ["src.namespace == shop && dst.port == 53", false, false],
    ["src.pod == shop/web or src.kind == outside", true, true],
    ["src.ip == 203.0.113.0/24", false, true],
    ["dst.ip in [10.0.0.0/30, 192.0.2.1]", true, false],
    ['http.method == "POST"', true, false],
    ["http.path == /items || protocol == udp", true, true],
  ];
  for (const [text, web, outsider] of cases) {
    const filter = parseFlowFilter(text);
    assert(typeof filter === "function", text);
    assertEquals([filter(WEB), filter(OUTSIDER)], [web, outsider], text);
  }
});

Deno.test("parseFlowFilter() says what it cannot read", () => {
  assertEquals(parseFlowFilter("dst.prt == 80"), {
    reason: "there is no field dst.prt",
    didYouMean: "dst.port",
  });
  for (
    const text of ["", "dst.port", "dst.port = 80", "and", "dst.port in 80"]
  ) {
    assertEquals(typeof parseFlowFilter(text), "object", text);
  }
  assertEquals(typeof parseFlowFilter("a == b ".repeat(2_000)), "object");
});
