import type { PacketFragment } from "../../core/packet/packet.ts";
import { emitIpv4, parseIpv4 } from "../../core/packet/ipv4.ts";
import { currentBytes } from "../../core/packet/current_bytes.ts";
import { readPacket } from "../../core/packet/read_packet.ts";
import type { WalkingPacket } from "../../core/packet/walking_packet.ts";
import { Window } from "../../core/packet/window.ts";

/** Datagrams that are waited for at one time, and fragments of one. */
const MOST_DATAGRAMS = 1_024;
const MOST_FRAGMENTS = 64;

/** A datagram that was put together, and how much of it each piece had. */
export interface Datagram {
  readonly packet: WalkingPacket;
  readonly pieceBytes: readonly number[];
}

/** Puts fragments together (net/ipv4/ip_fragment.c). Those whose bytes are not known never become a whole. */
export class Datagrams {
  readonly #waiting = new Map<string, WalkingPacket[]>();

  /** The whole datagram once this is its last missing fragment; null until then. */
  add(packet: WalkingPacket, fragment: PacketFragment): Datagram | null {
    const { source, destination, protocol } = packet;
    const key =
      `${source} ${destination} ${protocol} ${fragment.identification}`;
    const pieces = this.#waiting.get(key) ?? [];
    const overlap = overlapOf(packet, pieces);
    if (overlap === "again" || pieces.length >= MOST_FRAGMENTS) return null;
    if (overlap === "in part") {
      this.#waiting.delete(key);
      return null;
    }
    pieces.push(packet);
    const whole = joined(pieces);
    if (whole !== null) {
      this.#waiting.delete(key);
      return whole;
    }
    if (
      !this.#waiting.has(key) && this.#waiting.size >= MOST_DATAGRAMS
    ) {
      this.#waiting.delete(this.#waiting.keys().next().value!);
    }
    this.#waiting.set(key, pieces);
    return null;
  }
}

/** What is there already is passed over; what overlaps otherwise ends the datagram (RFC 5722; inet_fragment.c, `inet_frag_queue_insert`). */
function overlapOf(
  packet: WalkingPacket,
  pieces: readonly WalkingPacket[],
): "again" | "in part" | null {
  const [from, to] = extentOf(packet);
  let runFrom = -1;
  let runTo = -1;
  for (const [start, end] of pieces.map(extentOf).sort(([a], [b]) => a - b)) {
    if (start !== runTo) runFrom = start;
    runTo = end;
    if (from >= runFrom && to <= runTo) return "again";
  }
  return pieces.map(extentOf).some(([start, end]) => from < end && start < to)
    ? "in part"
    : null;
}

/** The bytes of the datagram that a fragment has. */
function extentOf(packet: WalkingPacket): readonly [from: number, to: number] {
  const from = offsetOf(packet);
  const bytes = packet.detail?.bytes;
  const headerBytes = bytes ? (bytes[0]! & 15) * 4 : 20;
  return [from, from + packet.lengthBytes - headerBytes];
}

function joined(pieces: readonly WalkingPacket[]): Datagram | null {
  const inOrder = [...pieces].sort((a, b) => offsetOf(a) - offsetOf(b));
  const parts: Uint8Array[] = [];
  let next = 0;
  for (const piece of inOrder) {
    const read = bytesOf(piece);
    if (read === undefined || offsetOf(piece) !== next) return null;
    parts.push(read.payload.bytes());
    next += read.payload.length;
  }
  if (inOrder.at(-1)!.detail!.fragment!.more) return null;
  const { header } = bytesOf(inOrder[0]!)!;
  const payload = new Uint8Array(next);
  let at = 0;
  for (const part of parts) {
    payload.set(part, at);
    at += part.length;
  }
  const packet = readPacket(
    emitIpv4({ ...header, moreFragments: false }, payload),
  );
  return packet === undefined ? null : {
    packet,
    pieceBytes: parts.map(({ length }) => length),
  };
}

function offsetOf({ detail }: WalkingPacket): number {
  return detail!.fragment!.offsetBytes;
}

function bytesOf(packet: WalkingPacket) {
  const { detail } = packet;
  if (detail === null || detail.bytes === null) return undefined;
  const { typeOfService } = detail;
  return parseIpv4(
    Window.of(
      currentBytes(detail.bytes, { ...fieldsOf(packet), typeOfService }),
    ),
  );
}

function fieldsOf(packet: WalkingPacket) {
  const { source, destination, sourcePort, destinationPort, ttl, inner } =
    packet;
  return { source, destination, sourcePort, destinationPort, ttl, inner };
}

/** Cuts a datagram that came in pieces up again as it was (ip_output.c, `ip_do_fragment`, whose fast path keeps them). */
export function cutUp(
  packet: WalkingPacket,
  pieceBytes: readonly number[],
): readonly WalkingPacket[] {
  const read = bytesOf(packet);
  if (read === undefined) return [packet];
  const { header, payload } = read;
  let at = 0;
  return pieceBytes.map((lengthBytes) => {
    const piece = emitIpv4({
      ...header,
      moreFragments: at + lengthBytes < payload.length,
      fragmentOffset: at,
    }, payload.bytes(at, lengthBytes));
    at += lengthBytes;
    return readPacket(piece)!;
  });
}
