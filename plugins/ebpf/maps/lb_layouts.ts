import { be16, ip4, ip6, Layout, raw, u16, u32, u8 } from "./layout.ts";

/** `struct lb4_key`; slot 0 is the frontend itself, the others its backends. */
export const LB4_KEY = new Layout("lb4_key", 12, {
  address: ip4(0),
  dport: be16(4),
  backend_slot: u16(6),
  proto: u8(8),
  scope: u8(9),
  pad: raw(10, 2),
});

/** `struct lb6_key`. */
export const LB6_KEY = new Layout("lb6_key", 24, {
  address: ip6(0),
  dport: be16(16),
  backend_slot: u16(18),
  proto: u8(20),
  scope: u8(21),
  pad: raw(22, 2),
});

const SERVICE_FIELDS = {
  count: u16(4),
  /** In network order, as the map of reverse translations is keyed. */
  rev_nat_index: be16(6),
  flags: u8(8),
  flags2: u8(9),
  qcount: u16(10),
};

/** `struct lb4_service` and `lb6_service` of a slot; in slot 0 the union holds a timeout or a port, {@link unionOfMaster}. */
export const LB_SERVICE = new Layout("lb4_service", 12, {
  backend_id: u32(0),
  ...SERVICE_FIELDS,
});

/** `struct lb4_backend`. */
export const LB4_BACKEND = new Layout("lb4_backend", 12, {
  address: ip4(0),
  port: be16(4),
  proto: u8(6),
  flags: u8(7),
  cluster_id: u16(8),
  zone: u8(10),
  pad: u8(11),
});

/** `struct lb6_backend`. */
export const LB6_BACKEND = new Layout("lb6_backend", 24, {
  address: ip6(0),
  port: be16(16),
  proto: u8(18),
  flags: u8(19),
  cluster_id: u16(20),
  zone: u8(22),
  pad: u8(23),
});

/** A key that is one id. */
export const BACKEND_KEY = new Layout("backend_id", 4, { id: u32(0) });

/** The key of reverse translations and of Maglev tables. */
export const REVERSE_NAT_KEY = new Layout("rev_nat_id", 2, { id: be16(0) });

/** `struct lb4_reverse_nat`. */
export const LB4_REVERSE_NAT = new Layout("lb4_reverse_nat", 6, {
  address: ip4(0),
  port: be16(4),
});

/** `struct lb6_reverse_nat`. */
export const LB6_REVERSE_NAT = new Layout("lb6_reverse_nat", 18, {
  address: ip6(0),
  port: be16(16),
});

/** `struct lb_affinity_match`. */
export const LB_AFFINITY_MATCH = new Layout("lb_affinity_match", 8, {
  backend_id: u32(0),
  rev_nat_id: be16(4),
  pad: u16(6),
});

/** `struct lb4_src_range_key`. */
export const LB4_SOURCE_RANGE_KEY = new Layout("lb4_src_range_key", 12, {
  lpm_key: u32(0),
  rev_nat_id: be16(4),
  pad: u16(6),
  addr: ip4(8),
});

/** `struct lb6_src_range_key`. */
export const LB6_SOURCE_RANGE_KEY = new Layout("lb6_src_range_key", 24, {
  lpm_key: u32(0),
  rev_nat_id: be16(4),
  pad: u16(6),
  addr: ip6(8),
});

/** Bits of a source range's key before the address; they always count. */
export const SOURCE_RANGE_STATIC_BITS = 32;

/** Algorithms a frontend may have of its own. */
export const ALGORITHM_NUMBER = { undef: 0, random: 1, maglev: 2 } as const;

/** The union of slot 0: an algorithm and a timeout in seconds, or the port of a proxy in network order. */
export function unionOfMaster(
  master:
    | { readonly algorithm: number; readonly affinityTimeoutS: number }
    | { readonly proxyPort: number },
): number {
  if ("proxyPort" in master) return swap16(master.proxyPort);
  return ((master.algorithm << 24) | master.affinityTimeoutS) >>> 0;
}

/** What {@link unionOfMaster} made. */
export function partsOfMaster(
  union: number,
): { algorithm: number; affinityTimeoutS: number; proxyPort: number } {
  return {
    algorithm: union >>> 24,
    affinityTimeoutS: union & 0xffffff,
    proxyPort: swap16(union & 0xffff),
  };
}

/** A 16-bit number with its bytes the other way round. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}
