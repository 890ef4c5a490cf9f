import type { Parsed, Window } from "./window.ts";

/** EtherTypes the decoder knows (IEEE 802 numbers). */
export const ETHER_TYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  /** A whole Ethernet frame inside a tunnel. */
  ethernet: 0x6558,
  vlan: 0x8100,
  ipv6: 0x86dd,
  serviceVlan: 0x88a8,
} as const;

/** An Ethernet II header. Hardware addresses are 48-bit numbers. */
export interface EthernetHeader {
  readonly destination: number;
  readonly source: number;
  readonly etherType: number;
}

/** One 802.1Q or 802.1ad tag: what follows the EtherType that announced it. */
export interface VlanTag {
  /** Priority and drop-eligible bits above the 12 bits of the VLAN id. */
  readonly control: number;
  readonly etherType: number;
}

/** Reads an Ethernet header; undefined when there are not enough bytes. */
export function parseEthernet(
  window: Window,
): Parsed<EthernetHeader> | undefined {
  if (window.length < 14) return undefined;
  return {
    header: {
      destination: window.u16(0) * 2 ** 32 + window.u32(2),
      source: window.u16(6) * 2 ** 32 + window.u32(8),
      etherType: window.u16(12),
    },
    payload: window.from(14),
  };
}

/** A frame with this header, without padding. */
export function emitEthernet(
  header: EthernetHeader,
  payload: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(14 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(header.destination / 2 ** 32));
  view.setUint32(2, header.destination % 2 ** 32);
  view.setUint16(6, Math.floor(header.source / 2 ** 32));
  view.setUint32(8, header.source % 2 ** 32);
  view.setUint16(12, header.etherType);
  bytes.set(payload, 14);
  return bytes;
}

/** Whether a VLAN tag follows this EtherType; 0x9100 is QinQ from before 802.1ad. */
export function announcesVlan(etherType: number): boolean {
  return etherType === ETHER_TYPE.vlan ||
    etherType === ETHER_TYPE.serviceVlan || etherType === 0x9100;
}

/** Reads a VLAN tag; undefined when there are not enough bytes. */
export function parseVlan(window: Window): Parsed<VlanTag> | undefined {
  if (window.length < 4) return undefined;
  return {
    header: { control: window.u16(0), etherType: window.u16(2) },
    payload: window.from(4),
  };
}

/** A tag and what it tags. */
export function emitVlan(header: VlanTag, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, header.control);
  view.setUint16(2, header.etherType);
  bytes.set(payload, 4);
  return bytes;
}
