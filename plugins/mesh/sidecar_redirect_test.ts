import { assertEquals } from "@std/assert";
import { Ip } from "../../core/packet/ip.ts";
import { openingPacket } from "../../core/packet/walking_packet.ts";
import { podOf } from "./_fixtures.ts";
import { captureInbound, captureOutbound } from "./sidecar_redirect.ts";

const APP = 1000;
const ENVOY = 1337;

interface Sent {
  readonly from?: string;
  readonly protocol?: "tcp" | "udp";
}

function packet(to: string, { from, protocol }: Sent = {}) {
  const [ip, port] = to.split(":") as [string, string];
  return openingPacket({
    protocol: protocol ?? "tcp",
    source: Ip.of(from ?? "10.244.1.5"),
    sourcePort: 40_000,
    destination: Ip.of(ip),
    destinationPort: Number(port),
    mark: 0,
    payload: { kind: "opaque", lengthBytes: 1 },
  });
}

function outbound(
  to: string,
  { uid = APP, annotations = {}, ...sent }: Sent & {
    readonly uid?: number;
    readonly annotations?: Readonly<Record<string, string>>;
  } = {},
) {
  const written = Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [
      `traffic.sidecar.istio.io/${key}`,
      value,
    ]),
  );
  const pod = podOf("shop/web", { annotations: written });
  return captureOutbound(packet(to, sent), { pod, uid })?.listener ?? null;
}

Deno.test("captureOutbound() redirects what the application sends, not what Envoy sends", () => {
  assertEquals(outbound("10.96.0.1:80"), "outbound");
  assertEquals(outbound("10.96.0.1:80", { uid: ENVOY }), null);
  assertEquals(outbound("10.96.0.10:53", { protocol: "udp" }), null);
});

Deno.test("captureOutbound() leaves loopback alone, but for Envoy calling its own pod", () => {
  assertEquals(outbound("127.0.0.1:9000", { from: "127.0.0.1" }), null);
  assertEquals(outbound("10.244.1.5:8080"), null);
  assertEquals(outbound("10.244.1.5:8080", { uid: ENVOY }), "inbound");
  assertEquals(outbound("10.244.1.5:15008", { uid: ENVOY }), null);
  assertEquals(
    outbound("10.244.1.5:8080", { uid: ENVOY, from: "127.0.0.6" }),
    null,
  );
});

Deno.test("captureOutbound() honours the annotations for ports and ranges", () => {
  const is = (to: string, annotations: Record<string, string>) =>
    outbound(to, { annotations });
  assertEquals(is("10.96.0.1:80", { excludeOutboundPorts: "443, 80" }), null);
  assertEquals(
    is("10.96.0.1:80", { excludeOutboundIPRanges: "10.96.0.0/16" }),
    null,
  );
  assertEquals(
    is("10.97.0.1:80", { excludeOutboundIPRanges: "10.96.0.0/16" }),
    "outbound",
  );
  assertEquals(
    is("10.96.0.1:80", { includeOutboundIPRanges: "10.96.0.0/16" }),
    "outbound",
  );
  assertEquals(
    is("10.97.0.1:80", { includeOutboundIPRanges: "10.96.0.0/16" }),
    null,
  );
  assertEquals(is("10.97.0.1:80", { includeOutboundIPRanges: "" }), null);
  assertEquals(
    is("10.97.0.1:80", {
      includeOutboundIPRanges: "",
      includeOutboundPorts: "80",
    }),
    "outbound",
  );
});

Deno.test("captureInbound() redirects all but the agent's ports and what annotations exclude", () => {
  const inbound = (port: number, annotations: Record<string, string> = {}) =>
    captureInbound(
      packet(`10.244.1.5:${port}`),
      podOf("shop/web", { annotations }),
    )
      ?.listener ?? null;
  assertEquals([8080, 22].map((port) => inbound(port)), ["inbound", "inbound"]);
  assertEquals([15008, 15020, 15021, 15090].map((port) => inbound(port)), [
    null,
    null,
    null,
    null,
  ]);
  const key = "traffic.sidecar.istio.io/";
  assertEquals(inbound(8080, { [`${key}excludeInboundPorts`]: "8080" }), null);
  assertEquals(inbound(8080, { [`${key}includeInboundPorts`]: "9090" }), null);
  assertEquals(
    inbound(9090, { [`${key}includeInboundPorts`]: "9090" }),
    "inbound",
  );
});
