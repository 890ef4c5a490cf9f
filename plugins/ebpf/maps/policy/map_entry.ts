import type { Rule } from "../../../../core/source.ts";
import { POLICY_ENTRY, POLICY_KEY } from "../policy_layouts.ts";

/** What a policy entry is about. */
export interface EntryKey {
  /** 0: anyone. */
  readonly identity: number;
  readonly egress: boolean;
  /** 0: any protocol; then no port counts. */
  readonly protocol: number;
  /** A port, or an ICMP type. */
  readonly port: number;
  /** How many bits of the port count. */
  readonly portBits: number;
}

/** Authentication that an entry asks for. */
export interface EntryAuth {
  /** 0 none, 1 SPIRE, 2 one that always fails (pkg/policy/types/auth.go). */
  readonly type: number;
  /** Said by the rule itself, not taken from a broader one. */
  readonly explicit: boolean;
}

/** One entry of an endpoint's policy map. */
export interface PolicyMapEntry {
  readonly key: EntryKey;
  readonly deny: boolean;
  /** 0: not by way of the proxy. */
  readonly proxyPort: number;
  readonly auth: EntryAuth;
  readonly precedence: number;
  /** Whose it is; several where rules say the same. Null for what no rule says. */
  readonly rules: readonly Rule[];
}

/** Bits before the protocol that always count: identity and direction. */
export const STATIC_BITS = 40;

/** How many bits of protocol and port count: what `lpm_prefix_length` says. */
export function prefixBits({ protocol, portBits }: EntryKey): number {
  return protocol === 0 ? 0 : 8 + portBits;
}

/** Whether all that a key is about another is about too; identity 0 has everyone. */
export function covers(broad: EntryKey, narrow: EntryKey): boolean {
  return (broad.identity === 0 || broad.identity === narrow.identity) &&
    coversPorts(broad, narrow);
}

/** The same for protocol and port alone. */
export function coversPorts(broad: EntryKey, narrow: EntryKey): boolean {
  if (broad.egress !== narrow.egress) return false;
  if (broad.protocol === 0) return true;
  if (broad.protocol !== narrow.protocol || broad.portBits > narrow.portBits) {
    return false;
  }
  const shift = 16 - broad.portBits;
  return broad.port >>> shift === narrow.port >>> shift;
}

/** Text that is the same for the same key. */
export function keyText(key: EntryKey): string {
  const { identity, egress, protocol, port, portBits } = key;
  return `${identity} ${egress} ${protocol} ${port}/${portBits}`;
}

/** The bytes of an entry's key. */
export function encodeKey(key: EntryKey): Uint8Array {
  return POLICY_KEY.encode({
    lpm_key: STATIC_BITS + prefixBits(key),
    sec_label: key.identity,
    egress: key.egress ? 1 : 0,
    protocol: key.protocol,
    dport: key.port,
  });
}

/** The bytes of an entry's value. */
export function encodeEntry(entry: PolicyMapEntry): Uint8Array {
  return POLICY_ENTRY.encode({
    proxy_port: entry.proxyPort,
    deny: entry.deny ? 1 : 0,
    lpm_prefix_length: prefixBits(entry.key),
    auth_type: entry.auth.type,
    has_explicit_auth_type: entry.auth.explicit ? 1 : 0,
    precedence: entry.precedence,
  });
}
