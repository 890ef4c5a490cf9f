import type { Negatable } from "../../core/import/iptables_rules.ts";
import { Cidr, Ip } from "../../core/packet/ip.ts";
import { InternalError } from "../../core/errors.ts";

/** Says whether an address lies in what a rule names. */
export type AddressTest = (ip: Ip) => boolean;

/** The test of `-s`, `-d` and their like, from the kernel's spelling. */
export function addressTest(value: string): AddressTest {
  const slash = value.indexOf("/");
  const mask = slash < 0 ? "" : value.slice(slash + 1);
  if (mask.includes(".")) {
    return maskTest(Ip.of(value.slice(0, slash)).w3, Ip.of(mask).w3);
  }
  const cidr = Cidr.of(value);
  if (cidr.base.family === 6) return (ip) => cidr.contains(ip);
  const bits = cidr.length === 0 ? 0 : (-1 << (32 - cidr.length)) >>> 0;
  return maskTest(cidr.base.w3, bits);
}

function maskTest(base: number, mask: number): AddressTest {
  if (mask === 0xffffffff) return (ip) => ip.w3 === base;
  const wanted = base | 0;
  return (ip) => (ip.w3 & mask) === wanted;
}

/** A negated address test negates here, once. */
export function negatableTest(address: Negatable): AddressTest {
  const test = addressTest(address.value);
  return address.negated ? (ip) => !test(ip) : test;
}

/** `from-to`, both included. */
export function rangeTest(value: string): AddressTest {
  const [from, to] = value.split("-").map(Ip.of);
  if (from === undefined || to === undefined) {
    throw new InternalError(`range ${value} was not checked`);
  }
  return (ip) => notAfter(from, ip) && notAfter(ip, to);
}

function notAfter(a: Ip, b: Ip): boolean {
  if (a.w0 !== b.w0) return a.w0 < b.w0;
  if (a.w1 !== b.w1) return a.w1 < b.w1;
  if (a.w2 !== b.w2) return a.w2 < b.w2;
  return a.w3 <= b.w3;
}
