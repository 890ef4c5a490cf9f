import { InputError } from "../../core/errors.ts";
import { internetChecksum } from "../../core/packet/checksum.ts";
import { emitIcmp } from "../../core/packet/icmp.ts";
import { Ip } from "../../core/packet/ip.ts";
import { emitIpv4, parseIpv4 } from "../../core/packet/ipv4.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import { emitTcp } from "../../core/packet/tcp.ts";
import { emitUdp } from "../../core/packet/udp.ts";
import { Window } from "../../core/packet/window.ts";

/** A packet as cases write it; what is left out has the usual value. */
export interface CasePacket {
  readonly p: string;
  readonly src: string;
  readonly dst: string;
  readonly sport?: number;
  readonly dport?: number;
  /** Letters of `FSRPAU`. */
  readonly flags?: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly type?: number;
  readonly code?: number;
  /** Identifier of an echo. */
  readonly id?: number;
  readonly ttl?: number;
  readonly tos?: number;
  readonly data?: string;
  /** The packet that an ICMP error is about. */
  readonly inner?: CasePacket;
  /** Of `p: raw`: the protocol, and its bytes in hexadecimal. */
  readonly proto?: number;
  readonly payload?: string;
  /** Identification of the datagram; fragments of one share it. */
  readonly ident?: number;
  /** 1: more fragments follow. */
  readonly flags_ip?: number;
  /** Fragment offset, in units of eight bytes. */
  readonly frag?: number;
}

/** A packet that came out, as cases write it. */
export type SeenCase = Readonly<
  Record<string, number | string | Readonly<Record<string, unknown>>>
>;

const FLAG_LETTERS = "FSRPAU";
const NONE = new Uint8Array(0);
const WINDOW = 64_240;

/** The bytes of a packet of a case. */
export function casePacketBytes(packet: CasePacket): Uint8Array<ArrayBuffer> {
  const source = address(packet.src);
  const destination = address(packet.dst);
  const { protocol, bytes } = transport(packet, { source, destination });
  return new Uint8Array(emitIpv4({
    typeOfService: packet.tos ?? 0,
    identification: packet.ident ?? 1,
    dontFragment: false,
    moreFragments: packet.flags_ip === 1,
    fragmentOffset: (packet.frag ?? 0) * 8,
    ttl: packet.ttl ?? 64,
    protocol,
    source,
    destination,
    options: NONE,
  }, bytes));
}

function transport(
  packet: CasePacket,
  between: { readonly source: Ip; readonly destination: Ip },
): { readonly protocol: number; readonly bytes: Uint8Array } {
  const data = new TextEncoder().encode(packet.data ?? "");
  const ports = {
    sourcePort: packet.sport ?? 0,
    destinationPort: packet.dport ?? 0,
  };
  switch (packet.p) {
    case "tcp": {
      const segment = emitTcp(
        {
          ...ports,
          sequence: packet.seq ?? 1_000,
          acknowledgement: packet.ack ?? 0,
          flags: flagBits(packet.flags ?? ""),
          window: WINDOW,
          urgent: 0,
          options: NONE,
        },
        data,
        between,
      );
      return { protocol: PROTOCOL.tcp, bytes: segment };
    }
    case "udp":
      return { protocol: PROTOCOL.udp, bytes: emitUdp(ports, data, between) };
    case "icmp": {
      const inner = packet.inner === undefined
        ? data
        : casePacketBytes(packet.inner);
      const echo = packet.type === 8 || packet.type === 0;
      const rest = echo ? ((packet.id ?? 1) << 16 | 1) >>> 0 : 0;
      const { type = 8, code = 0 } = packet;
      return {
        protocol: PROTOCOL.icmp,
        bytes: emitIcmp({ type, code, rest }, inner, between),
      };
    }
    case "raw":
      return {
        protocol: packet.proto ?? 0,
        bytes: hexBytes(packet.payload ?? ""),
      };
    default:
      throw badPacket(`protocol ${packet.p}`, "tcp, udp, icmp or raw");
  }
}

/** What the bytes say, with the checksums looked at. */
export function seenCase(bytes: Uint8Array): SeenCase {
  const seen = see(Window.of(bytes), false);
  const header = bytes.subarray(0, (bytes[0]! & 15) * 4);
  return internetChecksum(header) === 0
    ? seen
    : { ...seen, damaged: "IP checksum" };
}

function see(window: Window, quoted: boolean): SeenCase {
  const ip = parseIpv4(window);
  if (ip === undefined) return { proto: 0 };
  const { header, payload } = ip;
  const seen = {
    src: header.source.text,
    dst: header.destination.text,
    proto: header.protocol,
    ttl: header.ttl,
    tos: header.typeOfService,
  };
  if (header.fragmentOffset > 0 || payload.length < 8) return seen;
  const ports = { sport: payload.u16(0), dport: payload.u16(2) };
  switch (header.protocol) {
    case PROTOCOL.tcp:
      return payload.length < 20 ? { ...seen, ...ports } : {
        ...seen,
        ...ports,
        flags: flagLetters(payload.u8(13)),
        seq: payload.u32(4),
        ack: payload.u32(8),
      };
    case PROTOCOL.udp:
      return { ...seen, ...ports };
    case PROTOCOL.icmp: {
      const type = payload.u8(0);
      const message = { ...seen, type, code: payload.u8(1) };
      return (type === 3 || type === 11 || type === 12) && !quoted
        ? { ...message, inner: see(payload.from(8), true) }
        : message;
    }
    default:
      return seen;
  }
}

function flagBits(letters: string): number {
  let bits = 0;
  for (const letter of letters) {
    const bit = FLAG_LETTERS.indexOf(letter);
    if (bit < 0) throw badPacket(`TCP flag ${letter}`, "letters of FSRPAU");
    bits |= 1 << bit;
  }
  return bits;
}

function flagLetters(bits: number): string {
  return [...FLAG_LETTERS].filter((_, bit) => (bits & (1 << bit)) !== 0).join(
    "",
  );
}

function address(text: string): Ip {
  const ip = Ip.parse(text);
  if (ip === undefined || ip.family !== 4) {
    throw badPacket(`address ${text}`, "an IPv4 address");
  }
  return ip;
}

function hexBytes(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2}){0,1500}$/i.test(text)) {
    throw badPacket("payload", "pairs of hexadecimal digits");
  }
  return Uint8Array.from(
    { length: text.length / 2 },
    (_, index) => parseInt(text.slice(index * 2, index * 2 + 2), 16),
  );
}

function badPacket(what: string, expected: string): InputError {
  return new InputError([{
    message: `Cannot read packet: ${what}`,
    at: { file: "packets", line: 1, column: 1 },
    expected,
  }]);
}
