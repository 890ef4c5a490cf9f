import { internetChecksum, setIp } from "./checksum.ts";
import type { Ip } from "./ip.ts";
import { type Packet, PROTOCOL } from "./packet.ts";

/** What of a packet may have been rewritten since its bytes were sent. */
export interface CurrentFields {
  readonly source: Ip;
  readonly destination: Ip;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly ttl: number;
  readonly typeOfService: number;
  readonly inner: Packet | null;
}

const IP = { tos: 1, ttl: 8, protocol: 9, checksum: 10, source: 12, to: 16 };
const CHECKSUM_AT: Readonly<Record<number, number>> = {
  [PROTOCOL.tcp]: 16,
  [PROTOCOL.udp]: 6,
};

/**
 * The bytes of an IPv4 packet as it is now: as it was sent, with what was
 * rewritten since, and checksums brought up to date as netfilter does it
 * (RFC 1624), so that a wrong one stays wrong.
 */
export function currentBytes(
  sent: Uint8Array,
  fields: CurrentFields,
): Uint8Array {
  const bytes = sent.slice();
  const view = new DataView(bytes.buffer);
  const headerBytes = (bytes[0]! & 15) * 4;
  const transport = new Transport(view, headerBytes);
  transport.change(IP.source, () => setIp(view, IP.source, fields.source), 4);
  transport.change(IP.to, () => setIp(view, IP.to, fields.destination), 4);
  transport.setPorts(fields);
  bytes[IP.tos] = fields.typeOfService;
  bytes[IP.ttl] = fields.ttl;
  view.setUint16(IP.checksum, 0);
  view.setUint16(
    IP.checksum,
    internetChecksum(bytes.subarray(0, headerBytes)),
  );
  transport.setInner(fields.inner);
  return bytes;
}

/** The transport header of the first fragment, where it is there. */
class Transport {
  readonly #view: DataView;
  readonly #start: number;
  readonly #protocol: number;
  /** -1: none that is kept. */
  readonly #checksum: number;

  constructor(view: DataView, start: number) {
    this.#view = view;
    this.#start = start;
    this.#protocol = view.getUint8(IP.protocol);
    const at = start + (CHECKSUM_AT[this.#protocol] ?? NaN);
    const first = (view.getUint16(6) & 0x1fff) === 0;
    const unsummed = this.#protocol === PROTOCOL.udp &&
      at + 2 <= view.byteLength && view.getUint16(at) === 0;
    this.#checksum = first && !unsummed && at + 2 <= view.byteLength ? at : -1;
  }

  /** Writes words that the checksum covers. */
  change(at: number, write: () => void, lengthBytes: number): void {
    const view = this.#view;
    const sum = () => {
      let words = 0;
      for (let word = at; word < at + lengthBytes; word += 2) {
        words += view.getUint16(word);
      }
      return words;
    };
    const before = sum();
    write();
    if (this.#checksum < 0) return;
    let total = (~view.getUint16(this.#checksum) & 0xffff) + sum();
    for (let word = at; word < at + lengthBytes; word += 2) total += 0xffff;
    total -= before;
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
    view.setUint16(this.#checksum, ~total & 0xffff);
  }

  setPorts({ sourcePort, destinationPort }: CurrentFields): void {
    const at = this.#start;
    const ported = this.#protocol === PROTOCOL.tcp ||
      this.#protocol === PROTOCOL.udp || this.#protocol === PROTOCOL.sctp;
    const first = (this.#view.getUint16(6) & 0x1fff) === 0;
    if (!ported || !first || at + 4 > this.#view.byteLength) return;
    this.change(at, () => this.#view.setUint16(at, sourcePort), 2);
    this.change(
      at + 2,
      () => this.#view.setUint16(at + 2, destinationPort),
      2,
    );
  }

  setInner(inner: Packet | null): void {
    const quoted = inner?.detail?.bytes ?? null;
    if (inner === null || quoted === null) return;
    const { typeOfService } = inner.detail!;
    const now = currentBytes(quoted, {
      source: inner.source,
      destination: inner.destination,
      sourcePort: inner.sourcePort,
      destinationPort: inner.destinationPort,
      ttl: inner.ttl,
      typeOfService,
      inner: null,
    });
    const at = this.#start + 8;
    const bytes = new Uint8Array(
      this.#view.buffer,
      this.#start,
      this.#view.byteLength - this.#start,
    );
    bytes.set(now.subarray(0, bytes.length - 8), at - this.#start);
    this.#view.setUint16(this.#start + 2, 0);
    this.#view.setUint16(this.#start + 2, internetChecksum(bytes));
  }
}
