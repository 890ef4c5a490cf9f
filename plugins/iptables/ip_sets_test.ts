import { assertEquals } from "@std/assert";
import type { HookContext } from "../../core/replay/plugin.ts";
import { parseIpsetSave } from "../../core/import/ipset_save.ts";
import { Ip } from "../../core/packet/ip.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import { nodeHost } from "./host.ts";
import { ipSets } from "./ip_sets.ts";
import { nodeOf } from "../../tests/conformance/_kube_objects.ts";
import { TrackedPacket } from "./tracked_packet.ts";

const SETS = ipSets(parseIpsetSave(
  `create ips hash:ip
add ips 10.0.0.2
create ports hash:ip,port
add ports 10.180.0.9,tcp:80
add ports 10.180.0.9,icmp:2048
create nets hash:net
add nets 10.180.0.0/16
add nets 10.180.1.0/24 nomatch
add nets 10.180.1.7
create mixed hash:ip,port,net
add mixed 10.0.0.2,tcp:80,10.180.0.0/24
create all list:set
add all ips
add all nets
create macs hash:mac
create nodeports bitmap:port range 0-65535
add nodeports 80
create wide hash:ip netmask 24
add wide 10.0.7.0
create links hash:net,iface
add links 10.0.0.0/8,eth wildcard
create open bitmap:port range 0-65535
add open 80
create hosts bitmap:ip range 10.0.0.0/24
add hosts 10.0.0.2
create pings hash:ip,port
add pings 10.180.0.9,icmp:echo-request
`,
  { file: "test" },
));

const HOST = nodeHost(nodeOf("host", []));

function has(
  name: string,
  directions: string,
  {
    source = "10.0.0.2",
    destination = "10.180.0.9",
    port = 80,
    protocol = PROTOCOL.tcp as number,
  } = {},
): boolean | string | undefined {
  const test = SETS.test(name, directions.split(","));
  if (typeof test !== "function") return test;
  const packet = new TrackedPacket(HOST);
  packet.context = { table: () => new Map() } as unknown as HookContext;
  packet.protocol = protocol;
  packet.source = Ip.of(source);
  packet.destination = Ip.of(destination);
  packet.sourcePort = 4_000;
  packet.destinationPort = port;
  return test(packet);
}

Deno.test("ipSets() pairs each dimension with its direction", () => {
  assertEquals(has("ips", "src"), true);
  assertEquals(has("ips", "dst"), false);
  assertEquals(has("ports", "dst,dst"), true);
  assertEquals(has("ports", "dst,src"), false);
  assertEquals(has("mixed", "src,dst,dst"), true);
  assertEquals(has("mixed", "src,dst,dst", { port: 81 }), false);
});

Deno.test("ipSets() lets the most specific entry decide, exceptions included", () => {
  const inNets = (destination: string) => has("nets", "dst", { destination });
  assertEquals(
    ["10.180.0.9", "10.180.1.9", "10.180.1.7", "10.181.0.1"].map(inNets),
    [true, false, true, false],
  );
});

Deno.test("ipSets() looks into sets of sets", () => {
  assertEquals(has("all", "dst"), true);
  assertEquals(has("all", "src", { source: "10.9.9.9" }), false);
});

Deno.test("ipSets() finds a port of a bitmap in either of TCP and UDP alone", () => {
  const { tcp, udp, sctp } = PROTOCOL;
  assertEquals(
    [tcp, udp, sctp].map((protocol) => has("nodeports", "dst", { protocol })),
    [true, true, false],
  );
  assertEquals(has("nodeports", "dst", { port: 81 }), false);
  assertEquals(has("nodeports", "src"), false);
});

Deno.test("ipSets() says what it does not model, and what is not there", () => {
  assertEquals(has("macs", "src"), "set macs of type hash:mac");
  assertEquals(
    has("links", "src,src"),
    "entry 10.0.0.0/8,eth wildcard of set links",
  );
  assertEquals(has("none", "src"), undefined);
});

Deno.test("ipSets() knows bitmaps, and addresses cut to a netmask", () => {
  assertEquals(has("open", "dst"), true);
  assertEquals(has("open", "src"), false);
  assertEquals(has("hosts", "src"), true);
  assertEquals(has("hosts", "src", { source: "10.0.0.3" }), false);
  assertEquals(has("wide", "src", { source: "10.0.7.99" }), true);
  assertEquals(has("wide", "src", { source: "10.0.8.99" }), false);
  assertEquals(has("pings", "dst,dst"), false);
});
