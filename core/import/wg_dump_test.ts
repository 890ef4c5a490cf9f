import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { InputError } from "../errors.ts";
import { parseWgDump, redactWgDump } from "./wg_dump.ts";

const PRIVATE = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const PRESHARED = "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=";
const PUBLIC = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";

const DUMP = [
  `wg0\t${PRIVATE}\t${PUBLIC}\t51871\t0xe00`,
  `wg0\t${PUBLIC}\t${PRESHARED}\t192.168.0.12:51871\t10.244.2.0/24,192.168.0.12/32\t1555771458\t10\t20\t25`,
  `wg0\t${PUBLIC}\t(none)\t(none)\t(none)\t0\t0\t0\toff`,
  `wg0\t${PUBLIC}\t(none)\t[2001:db8::2]:51871\tfd00::/64\t0\t0\t0\toff`,
  "",
].join("\n");

const parse = (text: string) => parseWgDump(text, { file: "n1.wg" });

Deno.test("parseWgDump() reads interfaces and their peers", () => {
  const [wg0] = parse(DUMP);
  assert(wg0 !== undefined);
  assertEquals(
    [wg0.name, wg0.listenPort, wg0.firewallMark, wg0.peers.length],
    ["wg0", 51871, 0xe00, 3],
  );
  const [first, second, third] = wg0.peers;
  assertEquals(first!.allowedIps.map((cidr) => cidr.text), [
    "10.244.2.0/24",
    "192.168.0.12/32",
  ]);
  assertEquals(first!.endpoint?.ip.text, "192.168.0.12");
  assertEquals([first!.keepaliveS, first!.presharedKey], [25, "set"]);
  assertEquals([second!.endpoint, second!.allowedIps.length], [null, 0]);
  assertEquals(second!.keepaliveS, null);
  assertEquals(third!.endpoint?.ip.family, 6);
});

Deno.test("parseWgDump() takes peers of an interface that the dump does not list", () => {
  const [pollo] = parse(
    `pollo\t${PUBLIC}\t(none)\t(none)\t10.70.70.50/32\t0\t0\t0\toff`,
  );
  assertEquals([pollo?.name, pollo?.publicKey], ["pollo", null]);
});

Deno.test("parseWgDump() keeps no private and no preshared key", () => {
  const kept = JSON.stringify(parse(DUMP));
  assert(!kept.includes(PRIVATE) && !kept.includes(PRESHARED));
});

Deno.test("parseWgDump() names every problem without showing the line", () => {
  const error = assertThrows(
    () =>
      parse([
        `wg0\t${PRIVATE}\t${PUBLIC}\t99999\toff`,
        `wg0\t${PUBLIC}\t(none)\t10.0.0.1\t10.0.0.0/33\t0\t0\t0\toff`,
        `wg0 ${PRIVATE}`,
      ].join("\n")),
    InputError,
    "Cannot read WireGuard dump",
  );
  assertEquals(error.problems.map(({ at }) => at.line), [1, 2, 2, 3]);
  assertStringIncludes(error.message, "separated by tabs");
  assert(!error.message.includes(PRIVATE));
});

Deno.test("redactWgDump() hides secrets and changes nothing that is parsed", () => {
  const redacted = redactWgDump(DUMP);
  assert(!redacted.includes(PRIVATE) && !redacted.includes(PRESHARED));
  assertEquals(parse(redacted), parse(DUMP));
  assertEquals(redactWgDump(redacted), redacted);
});

Deno.test("parseWgDump() answers any mutation of a dump with a reading or an InputError, and leaks no key", () => {
  fc.assert(fc.property(
    fc.nat(DUMP.length),
    fc.nat(40),
    fc.string({
      maxLength: 12,
      unit: fc.constantFrom("\t", "\n", "0", ":", "/", ",", "a", "(", "\u0000"),
    }),
    (at, cut, insert) => {
      const mutant = DUMP.slice(0, at) + insert + DUMP.slice(at + cut);
      let said: string;
      try {
        said = JSON.stringify(parse(mutant));
      } catch (error) {
        assert(error instanceof InputError);
        said = error.message;
      }
      assert(!said.includes(PRESHARED));
      redactWgDump(mutant);
    },
  ));
});

Deno.test("parseWgDump() gives back the peers that were written", () => {
  const octet = fc.nat(255);
  const prefix = fc.tuple(octet, octet, octet, octet, fc.nat(32))
    .map(([a, b, c, d, length]) => `${a}.${b}.${c}.${d}/${length}`);
  const peer = fc.record({
    allowed: fc.array(prefix, { maxLength: 5 }),
    received: fc.nat(),
    keepalive: fc.option(fc.nat(65_535)),
  });
  fc.assert(fc.property(fc.array(peer, { maxLength: 20 }), (peers) => {
    const text = peers.map(({ allowed, received, keepalive }) =>
      [
        "wg0",
        PUBLIC,
        "(none)",
        "(none)",
        allowed.length === 0 ? "(none)" : allowed.join(","),
        0,
        received,
        0,
        keepalive ?? "off",
      ].join("\t")
    ).join("\n");
    const read = parse(text)[0]?.peers ?? [];
    assertEquals(
      read.map((
        item,
      ) => [item.allowedIps.length, item.receivedBytes, item.keepaliveS]),
      peers.map((item) => [item.allowed.length, item.received, item.keepalive]),
    );
  }));
});

Deno.test("parseWgDump() reads dumps of real hosts", () => {
  const directory = new URL(
    "../../../shared/samples/wireguard/",
    import.meta.url,
  );
  const read = (name: string) => {
    try {
      return Deno.readTextFileSync(new URL(name, directory));
    } catch {
      return null;
    }
  };
  for (
    const [name, peers] of [
      ["wg-show-all-dump-text.tsv", 7],
      ["wg-show-all-dump-text_issue_19.tsv", 17],
    ] as const
  ) {
    const text = read(name);
    if (text === null) continue; // not run: ../shared/samples is missing
    const count = parse(text).reduce((sum, item) => sum + item.peers.length, 0);
    assertEquals(count, peers, name);
  }
});
