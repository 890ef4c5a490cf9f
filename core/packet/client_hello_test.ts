import { assert, assertEquals } from "@std/assert";
import { mutate } from "../../tests/_mutate.ts";
import {
  packetsOf,
  sampleBytes,
  sampleCaptures,
} from "../../tests/_sample_captures.ts";
import { parseClientHello } from "./client_hello.ts";
import { decodeFrame } from "./decode.ts";

/** A ClientHello with these extensions, each `[type, ...content]`. */
function hello(...extensions: number[][]): Uint8Array {
  const list = extensions.flatMap(([type, ...content]) => [
    ...[0, type!],
    ...[0, content.length],
    ...content,
  ]);
  const body = [
    ...[3, 3],
    ...new Array<number>(32).fill(7),
    ...[2, 9, 9],
    ...[0, 2, 0x13, 1],
    ...[1, 0],
    ...[0, list.length],
    ...list,
  ];
  const handshake = [1, 0, 0, body.length, ...body];
  return Uint8Array.from([22, 3, 1, 0, handshake.length, ...handshake]);
}

function serverName(name: string): number[] {
  const letters = [...name].map((letter) => letter.charCodeAt(0));
  return [0, 0, letters.length + 3, 0, 0, letters.length, ...letters];
}

Deno.test("parseClientHello() reads the server name, wherever it stands", () => {
  const bytes = hello([10, 0, 2, 0, 29], serverName("web.shop.svc"), [23]);
  assertEquals(parseClientHello(bytes), { serverName: "web.shop.svc" });
});

Deno.test("parseClientHello() reads a hello without a server name, and one cut off", () => {
  assertEquals(parseClientHello(hello()), { serverName: null });
  const bytes = hello(serverName("web.shop.svc"));
  assertEquals(parseClientHello(bytes.subarray(0, bytes.length - 3)), {
    serverName: null,
  });
});

Deno.test("parseClientHello() does not give out a name that no host has", () => {
  assertEquals(parseClientHello(hello(serverName("a b\u0000"))), {
    serverName: null,
  });
});

Deno.test("parseClientHello() does not take other bytes for a hello", () => {
  for (const first of [20, 21, 23, 0x16 + 0x80]) {
    const bytes = hello(serverName("a"));
    bytes[0] = first;
    assertEquals(parseClientHello(bytes), undefined);
  }
  const serverHello = hello();
  serverHello[5] = 2;
  assertEquals(parseClientHello(serverHello), undefined);
});

Deno.test("parseClientHello() never throws on mutated hellos", () => {
  const bytes = hello([10, 0, 2, 0, 29], serverName("web.shop.svc"));
  for (let seed = 0; seed < 2000; seed++) {
    parseClientHello(mutate(bytes, seed));
  }
});

Deno.test("parseClientHello() reads the sample captures", () => {
  const names = new Set<string | null>();
  const samples = sampleCaptures();
  for (const sample of samples.filter((one) => one.includes("/tls/"))) {
    for (const packet of packetsOf(sampleBytes(sample))) {
      const decoded = decodeFrame(packet.bytes, packet);
      if (decoded.family === null) continue;
      const { start, end } = decoded.payload;
      const read = parseClientHello(packet.bytes.subarray(start, end));
      if (read !== undefined) names.add(read.serverName);
    }
  }
  if (samples.length === 0) return;
  assert(names.has("google.de") && names.has("cloudflare-ech.com"));
});
