import type { InputError, Problem } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { LINK_TYPES, linkTypeName } from "../packet/link_type.ts";
import { ByteQueue } from "./_byte_queue.ts";
import {
  byteError,
  byteProblem,
  type CapturedPacket,
  type CaptureReader,
} from "./captured_packet.ts";

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;

/** Magic numbers as a big-endian reader sees them (draft-ietf-opsawg-pcap). */
const FORMATS: ReadonlyMap<number, Format> = new Map([
  [0xa1b2c3d4, { littleEndian: false, fractionNs: 1000n }],
  [0xd4c3b2a1, { littleEndian: true, fractionNs: 1000n }],
  [0xa1b23c4d, { littleEndian: false, fractionNs: 1n }],
  [0x4d3cb2a1, { littleEndian: true, fractionNs: 1n }],
]);

interface Format {
  readonly littleEndian: boolean;
  /** Nanoseconds in one unit of a timestamp's second word. */
  readonly fractionNs: bigint;
}

/** Whether a file that begins with this word is a classic pcap file. */
export function isPcapMagic(magic: number): boolean {
  return FORMATS.has(magic);
}

/** Reads classic pcap files: both byte orders, micro- and nanoseconds. */
export class PcapReader implements CaptureReader {
  readonly #file: string;
  readonly #queue = new ByteQueue();
  #format: Format | undefined;
  #linkType = 0;
  #count = 0;

  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  *packets(): Generator<CapturedPacket> {
    const queue = this.#queue;
    if (this.#format === undefined) {
      if (queue.length < FILE_HEADER_BYTES) return;
      this.#format = this.#readHeader();
    }
    const { littleEndian, fractionNs } = this.#format;
    while (queue.length >= RECORD_HEADER_BYTES) {
      const capturedBytes = queue.u32(8, littleEndian);
      if (capturedBytes > LIMITS.packetBytes) {
        throw byteError(
          this.#here(),
          `Cannot read packet ${this.#count + 1}: it claims ${capturedBytes} ` +
            "captured bytes",
          `at most ${LIMITS.packetBytes}; the file may be damaged here`,
        );
      }
      if (queue.length < RECORD_HEADER_BYTES + capturedBytes) return;
      const packet: CapturedPacket = {
        number: ++this.#count,
        offset: queue.offset,
        timeNs: BigInt(queue.u32(0, littleEndian)) * 1_000_000_000n +
          BigInt(queue.u32(4, littleEndian)) * fractionNs,
        linkType: this.#linkType,
        bytes: queue.peek(RECORD_HEADER_BYTES, capturedBytes),
        originalLength: queue.u32(12, littleEndian),
        interface: null,
        comment: null,
      };
      queue.skip(RECORD_HEADER_BYTES + capturedBytes);
      yield packet;
    }
  }

  end(): Problem | null {
    if (this.#format !== undefined && this.#queue.length === 0) return null;
    const what = this.#format === undefined
      ? "the file header"
      : `packet ${this.#count + 1}`;
    return byteProblem(
      this.#here(),
      `Cannot read ${what}: the file ends inside it`,
    );
  }

  #readHeader(): Format {
    const queue = this.#queue;
    const format = FORMATS.get(queue.u32(0, false));
    if (format === undefined) {
      throw byteError(
        this.#here(),
        "Cannot read capture: it is no classic pcap file",
      );
    }
    const major = queue.u16(4, format.littleEndian);
    if (major !== 2) {
      throw byteError(
        { file: this.#file, offset: 4 },
        `Cannot read capture: pcap version ${major} is unknown`,
        "version 2",
      );
    }
    // The six bits above tell of a frame check sequence behind each packet,
    // which the length in the IP header cuts off.
    this.#linkType = queue.u32(20, format.littleEndian) & 0x03ffffff;
    if (!LINK_TYPES.has(this.#linkType)) {
      throw unsupportedLinkType(this.#linkType, {
        file: this.#file,
        offset: 20,
      });
    }
    queue.skip(FILE_HEADER_BYTES);
    return format;
  }

  #here() {
    return { file: this.#file, offset: this.#queue.offset };
  }
}

/** The error for a capture of something that cannot be decoded, with what can. */
export function unsupportedLinkType(
  linkType: number,
  at: { readonly file: string; readonly offset: number },
): InputError {
  const supported = [...LINK_TYPES.keys()].map(linkTypeName).join(", ");
  return byteError(
    at,
    `Cannot read capture: link type ${linkTypeName(linkType)} is not supported`,
    supported,
  );
}
