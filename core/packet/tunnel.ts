import type { Parsed, Window } from "./window.ts";

/** UDP ports that tunnels are found on: IANA's, and 8472, the older default of Linux and of overlays. */
export const TUNNEL_PORT = {
  vxlan: [4789, 8472],
  geneve: [6081],
  wireguard: [51820, 51871],
} as const satisfies Record<string, readonly number[]>;

/** A VXLAN header (RFC 7348), with the group of the group policy extension. */
export interface VxlanHeader {
  readonly flags: number;
  readonly groupPolicyId: number;
  readonly vni: number;
}

/** A Geneve header (RFC 8926). */
export interface GeneveHeader {
  readonly control: boolean;
  readonly critical: boolean;
  /** EtherType of what is inside. */
  readonly etherType: number;
  readonly vni: number;
  /** A multiple of four bytes, 252 at most. */
  readonly options: Uint8Array;
}

/** Reads a VXLAN header; undefined when the bytes are none: the VNI bit has to be set. */
export function parseVxlan(window: Window): Parsed<VxlanHeader> | undefined {
  if (window.length < 8 || (window.u8(0) & 0x08) === 0) return undefined;
  return {
    header: {
      flags: window.u8(0),
      groupPolicyId: window.u16(2),
      vni: window.u32(4) >>> 8,
    },
    payload: window.from(8),
  };
}

/** An Ethernet frame behind a VXLAN header. */
export function emitVxlan(
  header: VxlanHeader,
  frame: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(8 + frame.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, header.flags);
  view.setUint16(2, header.groupPolicyId);
  view.setUint32(4, (header.vni << 8) >>> 0);
  bytes.set(frame, 8);
  return bytes;
}

/** Reads a Geneve header; undefined when the bytes are none. */
export function parseGeneve(window: Window): Parsed<GeneveHeader> | undefined {
  if (window.length < 8 || window.u8(0) >>> 6 !== 0) return undefined;
  const optionBytes = (window.u8(0) & 0x3f) * 4;
  if (window.length < 8 + optionBytes) return undefined;
  return {
    header: {
      control: (window.u8(1) & 0x80) !== 0,
      critical: (window.u8(1) & 0x40) !== 0,
      etherType: window.u16(2),
      vni: window.u32(4) >>> 8,
      options: window.bytes(8, optionBytes),
    },
    payload: window.from(8 + optionBytes),
  };
}

/** A packet or frame behind a Geneve header. */
export function emitGeneve(
  header: GeneveHeader,
  inside: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(8 + header.options.length + inside.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, header.options.length / 4);
  view.setUint8(1, (header.control ? 0x80 : 0) | (header.critical ? 0x40 : 0));
  view.setUint16(2, header.etherType);
  view.setUint32(4, (header.vni << 8) >>> 0);
  bytes.set(header.options, 8);
  bytes.set(inside, 8 + header.options.length);
  return bytes;
}

/** Whether the bytes look like a WireGuard message: one of four types, then three zero bytes. */
export function isWireguard(window: Window): boolean {
  if (window.length < 4) return false;
  const type = window.u8(0);
  return type >= 1 && type <= 4 && window.u8(1) === 0 && window.u16(2) === 0;
}
