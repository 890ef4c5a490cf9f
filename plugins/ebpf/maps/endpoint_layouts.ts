import { bits, Layout, raw, u16, u32, u8 } from "./layout.ts";

/** `struct ipcache_key`; family 1 is IPv4, 2 IPv6, and the 16 bytes hold either. */
export const IPCACHE_KEY = new Layout("ipcache_key", 24, {
  lpm_key: u32(0),
  cluster_id: u16(4),
  pad1: u8(6),
  family: u8(7),
  ip6: raw(8, 16),
});

/** Bits of an ipcache key before the address; they always count. */
export const IPCACHE_STATIC_BITS = 32;

/** `struct remote_endpoint_info`. */
export const REMOTE_ENDPOINT_INFO = new Layout("remote_endpoint_info", 24, {
  sec_identity: u32(0),
  ip6: raw(4, 16),
  pad: u16(20),
  key: u8(22),
  flag_skip_tunnel: bits(23, 0, 1),
  flag_has_tunnel_ep: bits(23, 1, 1),
  flag_ipv6_tunnel_ep: bits(23, 2, 1),
  flag_remote_cluster: bits(23, 3, 1),
  pad2: bits(23, 4, 4),
});

/** `struct endpoint_key`. */
export const ENDPOINT_KEY = new Layout("endpoint_key", 20, {
  ip6: raw(0, 16),
  family: u8(16),
  key: u8(17),
  cluster_id: u16(18),
});

/** `struct endpoint_info`; bytes 12 to 15 are padding. */
export const ENDPOINT_INFO = new Layout("endpoint_info", 48, {
  ifindex: u32(0),
  unused: u16(4),
  lxc_id: u16(6),
  flags: u32(8),
  mac: raw(16, 8),
  node_mac: raw(24, 8),
  sec_id: u32(32),
  parent_ifindex: u32(36),
  pad: raw(40, 8),
});

/** Flags of an endpoint. */
export const ENDPOINT_FLAG = {
  host: 1,
  atHostNamespace: 2,
  noSnat4: 4,
  noSnat6: 8,
} as const;

/** `struct node_key`. */
export const NODE_KEY = new Layout("node_key", 20, {
  pad1: u16(0),
  pad2: u8(2),
  family: u8(3),
  ip6: raw(4, 16),
});

/** `struct node_value`. */
export const NODE_VALUE = new Layout("node_value", 4, {
  id: u16(0),
  spi: u8(2),
  pad: u8(3),
});

/** The number that keys have for a family of addresses. */
export const FAMILY_NUMBER = { 4: 1, 6: 2 } as const;
