import {
  be16,
  bits,
  ip4,
  ip6,
  Layout,
  raw,
  u16,
  u32,
  u64,
  u8,
} from "./layout.ts";

/** `struct ipv4_ct_tuple`; addresses stand the other way round, those of the reply. */
export const CT4_TUPLE = new Layout("ipv4_ct_tuple", 14, {
  daddr: ip4(0),
  saddr: ip4(4),
  dport: be16(8),
  sport: be16(10),
  nexthdr: u8(12),
  flags: u8(13),
});

/** `struct ipv6_ct_tuple`. */
export const CT6_TUPLE = new Layout("ipv6_ct_tuple", 38, {
  daddr: ip6(0),
  saddr: ip6(16),
  dport: be16(32),
  sport: be16(34),
  nexthdr: u8(36),
  flags: u8(37),
});

/** Flags of a tuple (bpf/lib/common.h, TUPLE_F_*); no bit is outwards. */
export const TUPLE_FLAG = { in: 1, related: 2, service: 4 } as const;

/** `struct ct_entry`, its union read as a service entry: the backend; the first eight bytes belong to a translated address. */
export const CT_ENTRY = new Layout("ct_entry", 56, {
  reserved0: u64(0),
  backend_id: u64(8),
  packets: u64(16),
  bytes: u64(24),
  lifetime: u32(32),
  rx_closing: bits(36, 0, 1),
  tx_closing: bits(36, 1, 1),
  reserved1: bits(36, 2, 1),
  lb_loopback: bits(36, 3, 1),
  seen_non_syn: bits(36, 4, 1),
  node_port: bits(36, 5, 1),
  proxy_redirect: bits(36, 6, 1),
  dsr_internal: bits(36, 7, 1),
  from_l7lb: bits(37, 0, 1),
  reserved2: bits(37, 1, 1),
  from_tunnel: bits(37, 2, 1),
  reserved3: bits(37, 3, 5),
  rev_nat_index: be16(38),
  nat_port: be16(40),
  tx_flags_seen: u8(42),
  rx_flags_seen: u8(43),
  src_sec_id: u32(44),
  last_tx_report: u32(48),
  last_rx_report: u32(52),
});

/** `struct ipv4_nat_entry`; `common` is 16 bytes of times and 16 of padding. */
export const NAT4_ENTRY = new Layout("ipv4_nat_entry", 40, {
  created: u64(0),
  needs_ct: u64(8),
  pad: raw(16, 16),
  to_saddr: ip4(32),
  to_sport: be16(36),
});

/** `struct ipv6_nat_entry`. */
export const NAT6_ENTRY = new Layout("ipv6_nat_entry", 56, {
  created: u64(0),
  needs_ct: u64(8),
  pad: raw(16, 16),
  to_saddr: ip6(32),
  to_sport: be16(48),
});

/** `struct lb4_affinity_key`; the client is an address in its first bytes, or the cookie of a network namespace. */
export const LB4_AFFINITY_KEY = new Layout("lb4_affinity_key", 16, {
  client_id: u64(0),
  rev_nat_id: be16(8),
  netns_cookie: bits(10, 0, 1),
  reserved: bits(10, 1, 7),
  pad1: u8(11),
  pad2: u32(12),
});

/** `struct lb6_affinity_key`. */
export const LB6_AFFINITY_KEY = new Layout("lb6_affinity_key", 24, {
  client_id: raw(0, 16),
  rev_nat_id: be16(16),
  netns_cookie: bits(18, 0, 1),
  reserved: bits(18, 1, 7),
  pad1: u8(19),
  pad2: u32(20),
});

/** `struct lb_affinity_val`. */
export const LB_AFFINITY_VALUE = new Layout("lb_affinity_val", 16, {
  last_used: u64(0),
  backend_id: u32(8),
  pad: u32(12),
});

/** `struct ipv4_frag_id`. */
export const FRAGMENT4_KEY = new Layout("ipv4_frag_id", 12, {
  daddr: ip4(0),
  saddr: ip4(4),
  id: u16(8),
  proto: u8(10),
  pad: u8(11),
});
