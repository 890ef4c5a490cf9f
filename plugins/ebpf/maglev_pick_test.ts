import { assert, assertEquals } from "@std/assert";
import { openingPacket } from "../../core/packet/walking_packet.ts";
import { Ip } from "../../core/packet/ip.ts";
import { jhashFinal, jhashMix } from "./jhash.ts";
import { tupleHash } from "./maglev_pick.ts";
import { pod, REPLACED, run, SHOP } from "./_testing.ts";

/** hashlittle() of Jenkins' lookup3.c, which the kernel's jhash() is. */
function hashlittle(text: string, seed: number): number {
  const bytes = new TextEncoder().encode(text);
  const word = (at: number) =>
    [0, 1, 2, 3].reduce((sum, n) => sum | (bytes[at + n] ?? 0) << 8 * n, 0);
  let a = (0xdeadbeef + bytes.length + seed) | 0;
  let [b, c, at] = [a, a, 0];
  for (; bytes.length - at > 12; at += 12) {
    [a, b, c] = jhashMix(
      (a + word(at)) | 0,
      (b + word(at + 4)) | 0,
      (c + word(at + 8)) | 0,
    );
  }
  return jhashFinal(
    (a + word(at)) | 0,
    (b + word(at + 4)) | 0,
    (c + word(at + 8)) | 0,
  );
}

Deno.test("jhashFinal() gives the values that lookup3.c prints of itself", () => {
  const words = "Four score and seven years ago";
  assertEquals(hashlittle(words, 0), 0x17770551);
  assertEquals(hashlittle(words, 1), 0xcd628161);
});

Deno.test("tupleHash() leaves the address that is asked out, so that all of a Service's agree", () => {
  const packet = (destination: string, sourcePort = 40_000) =>
    openingPacket({
      protocol: "tcp",
      source: Ip.of("203.0.113.9"),
      sourcePort,
      destination: Ip.of(destination),
      destinationPort: 80,
      mark: 0,
      payload: { kind: "opaque", lengthBytes: 1 },
    });
  const hash = (of: ReturnType<typeof packet>) =>
    tupleHash(of, { seed: 1, sourcePort: of.sourcePort });
  assertEquals(hash(packet("1.2.3.4")), hash(packet("192.168.0.1")));
  assert(hash(packet("1.2.3.4")) !== hash(packet("1.2.3.4", 40_001)));
});

const MAGLEV = { ...REPLACED, loadBalancer: { algorithm: "maglev" } };
const MORE = [
  pod("web2", { node: "n2", ip: "10.0.2.11" }),
  pod("web3", { node: "n1", ip: "10.0.1.12" }),
].map((text) => text.replace(/app: web\d/, "app: web"));

function byOutsiders(
  values: Readonly<Record<string, unknown>>,
  via: string,
  documents: readonly string[] = [],
) {
  return run([...SHOP, ...MORE, ...documents], {
    values,
    flows: Array.from({ length: 12 }, (_, index) => ({
      from: "ip/203.0.113.9",
      via,
      to: "tcp://1.2.3.4:80",
      sourcePort: 40_000 + index,
    })),
  });
}

Deno.test("Maglev: every node sends a client to the same backend, with the shares of the table", () => {
  const [n1, n2] = ["n1", "n2"].map((via) => byOutsiders(MAGLEV, via));
  const backends = n1!.map(({ outcome }) => outcome.backend);
  assertEquals(backends, n2!.map(({ outcome }) => outcome.backend));
  assert(new Set(backends).size > 1);
  const shares = n1![0]!.outcome.backends;
  assertEquals(shares.map(({ backend }) => backend), [
    "10.0.1.12:8080",
    "10.0.2.10:8080",
    "10.0.2.11:8080",
  ]);
  // Every place of the table is some backend's, as evenly as it divides.
  const weights = shares.map(({ weight }) => weight);
  assertEquals(weights.reduce((sum, weight) => sum + weight, 0), 16_381);
  assert(weights.every((weight) => Math.abs(weight - 16_381 / 3) < 1));
});

Deno.test("Maglev: sockets in the cluster are given backends at random", () => {
  const [result] = run([...SHOP, ...MORE], {
    values: MAGLEV,
    flows: [{ from: "pod/shop/client", to: "tcp://10.96.0.3:80" }],
  });
  assertEquals(result?.outcome.backends.map(({ weight }) => weight), [1, 1, 1]);
});

Deno.test("Maglev with affinity keeps a client by its address alone", () => {
  const sticky = SHOP.map((text) =>
    text.replace(
      "type: LoadBalancer,",
      "type: LoadBalancer, sessionAffinity: ClientIP,",
    )
  );
  const flows = Array.from({ length: 12 }, (_, index) => ({
    from: "ip/203.0.113.9",
    via: index % 2 === 0 ? "n1" : "n2",
    to: "tcp://1.2.3.4:80",
    sourcePort: 40_000 + index,
  }));
  const results = run([...sticky, ...MORE], { values: MAGLEV, flows });
  const backends = new Set(results.map(({ outcome }) => outcome.backend));
  assertEquals(backends.size, 1);
});
