import { currentBytes } from "../../core/packet/current_bytes.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** Some bytes of a packet as one number, and which of its bits are not known. */
export interface ImageWord {
  /** 32 bits, unsigned; of bits that are not known, 0. */
  readonly value: number;
  readonly unknown: number;
}

const NOTHING_KNOWN = { 1: 0xff, 2: 0xffff, 4: 0xffffffff } as const;

/**
 * A packet as bytes from its IP header on. Of a packet whose bytes nobody
 * gave, only what its headers must be is known: no payload, no TCP options,
 * no identification.
 */
export class PacketImage {
  readonly #bytes: Uint8Array;
  /** Bits that are known; null: all, and the packet ends where the bytes do. */
  readonly #known: Uint8Array | null;

  private constructor(bytes: Uint8Array, known: Uint8Array | null) {
    this.#bytes = bytes;
    this.#known = known;
  }

  /** The packet as it stands: what rules have written since it came is in it. */
  static of(packet: TrackedPacket): PacketImage {
    const sent = packet.detail?.bytes ?? null;
    return sent === null
      ? headersOf(packet, (bytes, known) => new PacketImage(bytes, known))
      : new PacketImage(currentBytes(sent, packet), null);
  }

  /** The whole packet; null where only its headers are known. */
  get whole(): Uint8Array | null {
    return this.#known === null ? this.#bytes : null;
  }

  /** Undefined beyond the end of the packet. */
  word(offset: number, size: 1 | 2 | 4): ImageWord | undefined {
    const known = this.#known;
    if (offset + size > this.#bytes.length) {
      return known === null
        ? undefined
        : { value: 0, unknown: NOTHING_KNOWN[size] };
    }
    let value = 0;
    let unknown = 0;
    for (let index = offset; index < offset + size; index++) {
      value = value * 256 + this.#bytes[index]!;
      unknown = unknown * 256 + (known === null ? 0 : 0xff ^ known[index]!);
    }
    return { value, unknown };
  }
}

/** Headers that follow from what is known of a packet. */
function headersOf<Image>(
  packet: TrackedPacket,
  make: (bytes: Uint8Array, known: Uint8Array) => Image,
): Image {
  const { source, destination, protocol, ttl, typeOfService } = packet;
  const family = source.family;
  const start = family === 4 ? 20 : 40;
  const image = new Known(start + 16);
  if (family === 4) {
    image.set(0, [0x45, typeOfService]);
    // Whether it may be cut up on its way is the sender's choice.
    image.set(6, [0, 0], [0xbf, 0xff]);
    image.set(8, [ttl, protocol]);
    image.setIp(12, source);
    image.setIp(16, destination);
  } else {
    image.set(
      0,
      [0x60 | typeOfService >>> 4, (typeOfService & 15) << 4],
      [0xff, 0xf0],
    );
    image.set(6, [protocol, ttl]);
    image.setIp(8, source);
    image.setIp(24, destination);
  }
  switch (protocol) {
    case PROTOCOL.tcp:
    case PROTOCOL.udp:
    case PROTOCOL.sctp:
      image.set16(start, packet.sourcePort);
      image.set16(start + 2, packet.destinationPort);
      if (protocol === PROTOCOL.tcp) {
        image.set(start + 13, [packet.tcpFlags], [0x3f]);
      }
      break;
    case PROTOCOL.icmp:
    case PROTOCOL.icmpv6:
      image.set(start, [packet.icmpType, packet.icmpCode]);
      if (packet.inner === null) image.set16(start + 4, packet.sourcePort);
  }
  return make(image.bytes, image.known);
}

class Known {
  readonly bytes: Uint8Array;
  readonly known: Uint8Array;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.known = new Uint8Array(length);
  }

  set(
    at: number,
    bytes: readonly number[],
    known: readonly number[] = bytes.map(() => 0xff),
  ): void {
    this.bytes.set(bytes, at);
    this.known.set(known, at);
  }

  set16(at: number, value: number): void {
    this.set(at, [value >>> 8, value & 0xff]);
  }

  setIp(at: number, ip: Ip): void {
    const words = ip.family === 4 ? [ip.w3] : [ip.w0, ip.w1, ip.w2, ip.w3];
    for (const [index, word] of words.entries()) {
      this.set16(at + index * 4, word >>> 16);
      this.set16(at + index * 4 + 2, word & 0xffff);
    }
  }
}
