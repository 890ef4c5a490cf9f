import type { InputError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { blockError, type BlockPlace } from "./_damage.ts";
import { compress, crc32, decompress, equalBytes, sha256 } from "./_native.ts";

/*
 * A block is a head of 64 bytes and one zstd frame. All numbers are little
 * endian. The head has a checksum of its own, so that its lengths can be
 * trusted: a block that runs past the end of the file was being written when
 * the writer stopped, and a block that does not add up was damaged later.
 */
export const BLOCK_HEAD_BYTES = 64;
/** "PLBK" */
export const BLOCK_MARKER = 0x4b424c50;
const RAW_LENGTH = 4;
const STORED_LENGTH = 8;
const COUNT = 12;
const FIRST_POSITION = 16;
const CHAIN_HASH = 24;
const STORED_SUM = 56;
const HEAD_SUM = 60;

/** Said of a block whose checksum differs. */
export const STORED_DAMAGED = "its bytes are damaged, their checksum differs";

/** Bytes that zstd can take at most for a block of the largest size (ZSTD_COMPRESSBOUND). */
export const STORED_BYTES = LIMITS.blockBytes + (LIMITS.blockBytes >> 8) + 1024;

/** What the head of a block says. */
export interface BlockHead {
  readonly rawLength: number;
  readonly storedLength: number;
  /** Events in the block. */
  readonly count: number;
  readonly firstPosition: number;
  /** sha256 over the chain hash before and the raw bytes. */
  readonly chainHash: Uint8Array;
  /** crc32 of the stored bytes. */
  readonly storedSum: number;
}

/** Events of one block as NDJSON, not yet compressed. */
export interface RawBlock {
  readonly firstPosition: number;
  readonly count: number;
  readonly raw: Uint8Array;
}

/** The chain hash of a block: over raw bytes, since zstd may change. */
export function chainHash(
  previous: Uint8Array,
  raw: Uint8Array,
): Uint8Array {
  return sha256(previous, raw);
}

/** The bytes of a block as they are stored. */
export function encodeBlock(
  block: RawBlock,
  chainHash: Uint8Array,
): Uint8Array {
  const stored = compress(block.raw);
  const bytes = new Uint8Array(BLOCK_HEAD_BYTES + stored.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, BLOCK_MARKER, true);
  view.setUint32(RAW_LENGTH, block.raw.length, true);
  view.setUint32(STORED_LENGTH, stored.length, true);
  view.setUint32(COUNT, block.count, true);
  view.setBigUint64(FIRST_POSITION, BigInt(block.firstPosition), true);
  bytes.set(chainHash, CHAIN_HASH);
  view.setUint32(STORED_SUM, crc32(stored), true);
  view.setUint32(HEAD_SUM, crc32(bytes.subarray(0, HEAD_SUM)), true);
  bytes.set(stored, BLOCK_HEAD_BYTES);
  return bytes;
}

/**
 * Reads a head. An error, returned and not thrown, when it is damaged, out of
 * bounds, or not of the block that belongs here.
 */
export function decodeBlockHead(
  bytes: Uint8Array,
  place: BlockPlace,
): BlockHead | InputError {
  const view = new DataView(bytes.buffer, bytes.byteOffset, BLOCK_HEAD_BYTES);
  const sum = crc32(bytes.subarray(0, HEAD_SUM));
  if (
    view.getUint32(0, true) !== BLOCK_MARKER ||
    view.getUint32(HEAD_SUM, true) !== sum
  ) return blockError(place, "its head is damaged");
  const head: BlockHead = {
    rawLength: view.getUint32(RAW_LENGTH, true),
    storedLength: view.getUint32(STORED_LENGTH, true),
    count: view.getUint32(COUNT, true),
    firstPosition: Number(view.getBigUint64(FIRST_POSITION, true)),
    chainHash: bytes.slice(CHAIN_HASH, CHAIN_HASH + 32),
    storedSum: view.getUint32(STORED_SUM, true),
  };
  if (head.rawLength > LIMITS.blockBytes || head.storedLength > STORED_BYTES) {
    return blockError(place, `it is larger than ${LIMITS.blockBytes} bytes`);
  }
  if (head.count === 0 || head.count > LIMITS.blockEvents) {
    return blockError(place, `it has ${head.count} events`);
  }
  if (head.firstPosition !== place.firstPosition) {
    return blockError(place, `it starts at position ${head.firstPosition}`);
  }
  return head;
}

/** The raw bytes of a block, after checking them in every way. */
export function decodeBlock(
  head: BlockHead,
  stored: Uint8Array,
  { place, previous }: {
    readonly place: BlockPlace;
    /** Chain hash of the block before. */
    readonly previous: Uint8Array;
  },
): RawBlock {
  if (crc32(stored) !== head.storedSum) {
    throw blockError(place, STORED_DAMAGED);
  }
  const raw = decompress(stored, head.rawLength);
  if (raw === undefined) {
    throw blockError(place, `it does not unpack to ${head.rawLength} bytes`);
  }
  if (!equalBytes(chainHash(previous, raw), head.chainHash)) {
    throw blockError(place, "its hash does not follow from the block before");
  }
  return { firstPosition: head.firstPosition, count: head.count, raw };
}
