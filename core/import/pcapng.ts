import type { InputError, Problem } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { LINK_TYPES } from "../packet/link_type.ts";
import { ByteQueue } from "./_byte_queue.ts";
import {
  byteError,
  byteProblem,
  type CapturedPacket,
  type CaptureReader,
} from "./captured_packet.ts";
import { unsupportedLinkType } from "./pcap.ts";
import { type BlockOptions, padded, readOptions } from "./_pcapng_options.ts";

/** Block types that are read (draft-ietf-opsawg-pcapng section 4); others are skipped. */
const BLOCK = {
  section: 0x0a0d0d0a,
  interface: 1,
  obsoletePacket: 2,
  simplePacket: 3,
  enhancedPacket: 6,
} as const;

const READ_BLOCKS = new Set<number>(Object.values(BLOCK));
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const NS_PER_S = 1_000_000_000n;

interface Interface {
  readonly linkType: number;
  /** 0: no limit. */
  readonly snapshotBytes: number;
  readonly name: string;
  readonly ticksPerS: bigint;
  readonly offsetNs: bigint;
}

/** Where the parts of a packet block lie. */
interface PacketFields {
  readonly interfaceIndex: number;
  readonly ticks: bigint | null;
  readonly capturedBytes: number;
  readonly originalLength: number;
  /** Of the packet's bytes, from the start of the block. */
  readonly dataAt: number;
}

/** Reads pcapng files: both byte orders, any number of sections and interfaces. */
export class PcapngReader implements CaptureReader {
  readonly #file: string;
  readonly #queue = new ByteQueue();
  #littleEndian = true;
  #interfaces: Interface[] = [];
  /** Bytes still to skip of a block that is not read. */
  #skipBytes = 0;
  #count = 0;
  #read = 0;
  #unsupported: InputError | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  *packets(): Generator<CapturedPacket> {
    const queue = this.#queue;
    for (;;) {
      const skipped = Math.min(this.#skipBytes, queue.length);
      queue.skip(skipped);
      this.#skipBytes -= skipped;
      if (this.#skipBytes > 0 || queue.length < 12) return;
      const type = queue.u32(0, this.#littleEndian);
      // Its type reads the same in both byte orders, its length does not.
      if (type === BLOCK.section) this.#littleEndian = this.#byteOrder();
      const lengthBytes = this.#blockLength(type);
      if (!READ_BLOCKS.has(type)) {
        this.#skipBytes = lengthBytes;
        continue;
      }
      if (queue.length < lengthBytes) return;
      this.#checkTrailer(lengthBytes);
      const packet = this.#readBlock(type, lengthBytes);
      queue.skip(lengthBytes);
      if (packet !== undefined) yield packet;
    }
  }

  /** Throws when every packet was of a link type that is not supported. */
  end(): Problem | null {
    if (this.#read === 0 && this.#unsupported !== undefined) {
      throw this.#unsupported;
    }
    if (this.#queue.length === 0 && this.#skipBytes === 0) return null;
    return byteProblem(
      this.#at(0),
      "Cannot read block: the file ends inside it",
    );
  }

  #readBlock(type: number, lengthBytes: number): CapturedPacket | undefined {
    switch (type) {
      case BLOCK.section:
        this.#readSection(lengthBytes);
        return undefined;
      case BLOCK.interface:
        this.#readInterface(lengthBytes);
        return undefined;
      default:
        return this.#readPacket(type, lengthBytes);
    }
  }

  #readSection(lengthBytes: number): void {
    this.#require(lengthBytes, 28);
    const major = this.#u16(12);
    if (major !== 1) {
      throw byteError(
        this.#at(12),
        `Cannot read section: pcapng version ${major} is unknown`,
        "version 1",
      );
    }
    this.#interfaces = [];
  }

  #readInterface(lengthBytes: number): void {
    this.#require(lengthBytes, 20);
    if (this.#interfaces.length === LIMITS.captureInterfaces) {
      throw byteError(
        this.#at(0),
        "Cannot read interface: the section has too many",
        `at most ${LIMITS.captureInterfaces}`,
      );
    }
    const linkType = this.#u16(8);
    const options = this.#options(16, lengthBytes);
    if (!LINK_TYPES.has(linkType)) {
      this.#unsupported ??= unsupportedLinkType(linkType, this.#at(8));
    }
    this.#interfaces.push({
      linkType,
      snapshotBytes: this.#u32(12),
      name: options.interfaceName ?? `interface ${this.#interfaces.length}`,
      ticksPerS: ticksPerSecond(options.timeResolution),
      offsetNs: options.timeOffsetS * NS_PER_S,
    });
  }

  #readPacket(type: number, lengthBytes: number): CapturedPacket | undefined {
    this.#require(lengthBytes, type === BLOCK.simplePacket ? 16 : 32);
    const fields = type === BLOCK.simplePacket
      ? this.#simpleFields(lengthBytes)
      : this.#packetFields(type);
    const source = this.#interfaces[fields.interfaceIndex];
    if (source === undefined) {
      throw byteError(
        this.#at(8),
        `Cannot read packet ${this.#count + 1}: there is no interface ` +
          `${fields.interfaceIndex} in its section`,
      );
    }
    const { capturedBytes, dataAt } = fields;
    if (
      capturedBytes > LIMITS.packetBytes ||
      dataAt + padded(capturedBytes) + 4 > lengthBytes
    ) {
      throw byteError(
        this.#at(0),
        `Cannot read packet ${
          this.#count + 1
        }: its ${capturedBytes} captured ` +
          `bytes do not fit into its block of ${lengthBytes}`,
      );
    }
    this.#count++;
    if (!LINK_TYPES.has(source.linkType)) return undefined;
    this.#read++;
    const options = type === BLOCK.simplePacket
      ? undefined
      : this.#options(dataAt + padded(capturedBytes), lengthBytes);
    return {
      number: this.#count,
      offset: this.#queue.offset,
      timeNs: fields.ticks === null
        ? null
        : fields.ticks * NS_PER_S / source.ticksPerS + source.offsetNs,
      linkType: source.linkType,
      bytes: this.#queue.peek(dataAt, capturedBytes),
      originalLength: fields.originalLength,
      interface: source.name,
      comment: options?.comment ?? null,
    };
  }

  /** An enhanced packet block, or the obsolete one with its 16-bit interface and drop count. */
  #packetFields(type: number): PacketFields {
    return {
      interfaceIndex: type === BLOCK.enhancedPacket
        ? this.#u32(8)
        : this.#u16(8),
      ticks: (BigInt(this.#u32(12)) << 32n) | BigInt(this.#u32(16)),
      capturedBytes: this.#u32(20),
      originalLength: this.#u32(24),
      dataAt: 28,
    };
  }

  /** A simple packet block is of interface 0; its captured length is not written. */
  #simpleFields(lengthBytes: number): PacketFields {
    const originalLength = this.#u32(8);
    const snapshotBytes = this.#interfaces[0]?.snapshotBytes || Infinity;
    return {
      interfaceIndex: 0,
      ticks: null,
      capturedBytes: Math.min(originalLength, snapshotBytes, lengthBytes - 16),
      originalLength,
      dataAt: 12,
    };
  }

  #byteOrder(): boolean {
    if (this.#queue.u32(8, true) === BYTE_ORDER_MAGIC) return true;
    if (this.#queue.u32(8, false) === BYTE_ORDER_MAGIC) return false;
    throw byteError(
      this.#at(8),
      "Cannot read section: its byte-order magic is unknown",
      "1a2b3c4d or 4d3c2b1a",
    );
  }

  #blockLength(type: number): number {
    const lengthBytes = this.#u32(4);
    const most = READ_BLOCKS.has(type) ? LIMITS.captureBlockBytes : 0xfffffffc;
    if (lengthBytes < 12 || lengthBytes % 4 !== 0 || lengthBytes > most) {
      throw byteError(
        this.#at(4),
        `Cannot read block: its length ${lengthBytes} is impossible`,
        `a multiple of 4 from 12 to ${most}`,
      );
    }
    return lengthBytes;
  }

  #checkTrailer(lengthBytes: number): void {
    const again = this.#u32(lengthBytes - 4);
    if (again !== lengthBytes) {
      throw byteError(
        this.#at(lengthBytes - 4),
        `Cannot read block: it begins with length ${lengthBytes} and ends ` +
          `with length ${again}`,
      );
    }
  }

  #require(lengthBytes: number, least: number): void {
    if (lengthBytes < least) {
      throw byteError(
        this.#at(4),
        `Cannot read block: its ${lengthBytes} bytes are too few`,
        `at least ${least}`,
      );
    }
  }

  #options(at: number, lengthBytes: number): BlockOptions {
    const bytes = this.#queue.peek(at, Math.max(0, lengthBytes - 4 - at));
    return readOptions(bytes, this.#littleEndian);
  }

  #u16(at: number): number {
    return this.#queue.u16(at, this.#littleEndian);
  }

  #u32(at: number): number {
    return this.#queue.u32(at, this.#littleEndian);
  }

  #at(offset: number) {
    return { file: this.#file, offset: this.#queue.offset + offset };
  }
}

function ticksPerSecond(resolution: number): bigint {
  const exponent = BigInt(resolution & 0x7f);
  return resolution & 0x80 ? 2n ** exponent : 10n ** exponent;
}
