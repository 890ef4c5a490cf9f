import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Ip } from "../../../core/packet/ip.ts";
import { type AnyLayout, CILIUM_MAPS } from "./cilium_maps.ts";
import * as conntrack from "./conntrack_layouts.ts";
import * as endpoint from "./endpoint_layouts.ts";
import { addressBytes, addressOf, be16, bits, Layout, u32 } from "./layout.ts";
import * as lb from "./lb_layouts.ts";
import * as policy from "./policy_layouts.ts";

const LAYOUTS = [conntrack, endpoint, lb, policy].flatMap((module) =>
  Object.values(module).filter((one): one is AnyLayout & typeof one =>
    one instanceof Layout
  )
);

const REFERENCE = "../shared/reference/cilium-maps";

Deno.test("Layout.decode() and encode() are each other's inverse for every struct", () => {
  for (const layout of LAYOUTS) {
    fc.assert(fc.property(
      fc.uint8Array({ minLength: layout.size, maxLength: layout.size }),
      (bytes) => {
        const values = layout.decode(bytes);
        const written = layout.encode(values);
        assertEquals(layout.decode(written), values);
        assertEquals(layout.encode(layout.decode(written)), written);
      },
    ));
  }
});

Deno.test("Layout.encode() puts bits and byte orders where Cilium has them", () => {
  const key = policy.POLICY_KEY.encode({
    lpm_key: 64,
    sec_label: 0x1234,
    egress: 1,
    protocol: 6,
    dport: 80,
  });
  assertEquals([...key], [64, 0, 0, 0, 0x34, 0x12, 0, 0, 1, 6, 0, 80]);
  const entry = policy.POLICY_ENTRY.encode({
    proxy_port: 10_001,
    deny: 1,
    lpm_prefix_length: 24,
    has_explicit_auth_type: 1,
    auth_type: 2,
    precedence: 0xffffffff,
  });
  assertEquals(
    [...entry],
    [0x27, 0x11, 0xc1, 0x82, 255, 255, 255, 255, 0, 0, 0, 0],
  );
  const service = lb.LB_SERVICE.encode({ rev_nat_index: 3, count: 2 });
  assertEquals([...service], [0, 0, 0, 0, 2, 0, 0, 3, 0, 0, 0, 0]);
});

Deno.test("Layout() refuses fields that overlap or stick out", () => {
  assertThrows(() => new Layout("a", 4, { one: u32(0), two: be16(2) }));
  assertThrows(() => new Layout("a", 4, { one: u32(1) }));
  assertThrows(() =>
    new Layout("a", 1, { one: bits(0, 0, 4), two: bits(0, 3, 1) })
  );
});

Deno.test("Layout.encode() refuses what does not fit", () => {
  const layout = new Layout("a", 5, { port: be16(0), flag: bits(2, 1, 2) });
  assertThrows(() => layout.encode({ port: 65_536 }));
  assertThrows(() => layout.encode({ port: -1 }));
  assertThrows(() => layout.encode({ flag: 4 }));
  assertThrows(() => layout.decode(new Uint8Array(4)));
});

Deno.test("addressOf() reads what addressBytes() wrote", () => {
  for (const text of ["10.0.0.1", "fd00::1", "0.0.0.0", "::"]) {
    const ip = Ip.of(text);
    assertEquals(addressOf(addressBytes(ip), ip.family).text, text);
  }
});

Deno.test("unionOfMaster() keeps algorithm, timeout and proxy port apart", () => {
  const { partsOfMaster, unionOfMaster } = lb;
  const union = unionOfMaster({ algorithm: 2, affinityTimeoutS: 10_800 });
  assertEquals(partsOfMaster(union).algorithm, 2);
  assertEquals(partsOfMaster(union).affinityTimeoutS, 10_800);
  assertEquals(unionOfMaster({ proxyPort: 10_000 }), 0x1027);
  assertEquals(partsOfMaster(0x1027).proxyPort, 10_000);
});

Deno.test("CILIUM_MAPS have the kinds and sizes of the compiled datapath", (context) => {
  const rows =
    readReference("maps.tsv", context.name)?.map((line) => line.split("\t")) ??
      [];
  for (const [name, type, keyBytes, valueBytes] of rows) {
    const known = CILIUM_MAPS[name!];
    if (known === undefined) continue;
    assertEquals(
      [known.type, known.keyBytes, known.valueBytes],
      [type!.toLowerCase(), Number(keyBytes), Number(valueBytes)],
      name,
    );
  }
});

Deno.test("layouts have the fields of Cilium's type information", (context) => {
  const lines = readReference("struct_layouts.txt", context.name) ?? [];
  const structs = new Map<string, Map<string, string>>();
  let fields = new Map<string, string>();
  for (const line of lines) {
    const head = /^(\w+) size=(\d+)$/.exec(line);
    if (head !== null) {
      fields = new Map([["", head[2]!]]);
      structs.set(head[1]!, fields);
    }
    const field = /^ *\+(\d+)(?:\.(\d):(\d+))? (\w+):/.exec(line);
    if (field === null) continue;
    const [, offset, first, width, name] = field;
    fields.set(name!, `${offset} ${first ?? ""} ${width ?? ""}`);
  }
  for (const layout of LAYOUTS as readonly AnyLayout[]) {
    const known = structs.get(layout.name);
    if (known === undefined) continue;
    assertEquals(`${layout.size}`, known.get(""), layout.name);
    for (const [name, { offset, bits }] of Object.entries(layout.fields)) {
      const expected = known.get(name);
      if (expected === undefined) continue;
      assertEquals(
        `${offset} ${bits?.first ?? ""} ${bits?.width ?? ""}`,
        expected,
        `${layout.name}.${name}`,
      );
    }
  }
});

function readReference(file: string, test: string): string[] | undefined {
  try {
    return Deno.readTextFileSync(`${REFERENCE}/${file}`).split("\n");
  } catch {
    Deno.stdout.writeSync(
      new TextEncoder().encode(`${test}: not run: ${REFERENCE} is missing\n`),
    );
    return undefined;
  }
}
