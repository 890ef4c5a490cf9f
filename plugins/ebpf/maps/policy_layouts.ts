import { be16, bits, Layout, raw, u16, u32, u64, u8 } from "./layout.ts";

/** `struct policy_key`: identity 0 is anyone, bits behind `protocol` and `dport` are cut off by the prefix length. */
export const POLICY_KEY = new Layout("policy_key", 12, {
  lpm_key: u32(0),
  sec_label: u32(4),
  egress: bits(8, 0, 1),
  pad: bits(8, 1, 7),
  protocol: u8(9),
  dport: be16(10),
});

/** `struct policy_entry`. */
export const POLICY_ENTRY = new Layout("policy_entry", 12, {
  proxy_port: be16(0),
  deny: bits(2, 0, 1),
  reserved: bits(2, 1, 2),
  lpm_prefix_length: bits(2, 3, 5),
  auth_type: bits(3, 0, 7),
  has_explicit_auth_type: bits(3, 7, 1),
  precedence: u32(4),
  cookie: u32(8),
});

/** `struct policy_stats_key`. */
export const POLICY_STATS_KEY = new Layout("policy_stats_key", 12, {
  endpoint_id: u16(0),
  pad1: u8(2),
  prefix_len: u8(3),
  sec_label: u32(4),
  egress: bits(8, 0, 1),
  pad: bits(8, 1, 7),
  protocol: u8(9),
  dport: be16(10),
});

/** `struct policy_stats_value`. */
export const POLICY_STATS_VALUE = new Layout("policy_stats_value", 16, {
  packets: u64(0),
  bytes: u64(8),
});

/** `struct auth_key`. */
export const AUTH_KEY = new Layout("auth_key", 12, {
  local_sec_label: u32(0),
  remote_sec_label: u32(4),
  remote_node_id: u16(8),
  auth_type: u8(10),
  pad: u8(11),
});

/** `struct auth_info`. */
export const AUTH_INFO = new Layout("auth_info", 8, { expiration: u64(0) });

/** The one byte of `cilium_encrypt_state`: the key id in use. */
export const ENCRYPT_STATE = new Layout("encrypt_config", 1, {
  encrypt_key: u8(0),
});

/** `struct metrics_key`. */
export const METRICS_KEY = new Layout("metrics_key", 8, {
  reason: u8(0),
  dir: bits(1, 0, 2),
  pad: bits(1, 2, 6),
  line: u16(2),
  file: u8(4),
  reserved: raw(5, 3),
});

/** `struct metrics_value`. */
export const METRICS_VALUE = new Layout("metrics_value", 16, {
  count: u64(0),
  bytes: u64(8),
});
