import { byteError, type CaptureReader } from "./captured_packet.ts";
import { isPcapMagic, PcapReader } from "./pcap.ts";
import { PcapngReader } from "./pcapng.ts";

/** What other files begin with, for a helpful message; as big-endian words. */
const OTHER_MAGIC: ReadonlyMap<number, string> = new Map([
  [0xa1b2cd34, "a modified pcap file (Kuznetzov)"],
  [0x34cdb2a1, "a modified pcap file (Kuznetzov)"],
  [0x736e6f6f, "a Solaris snoop file"],
  [0x28b52ffd, "compressed with zstd"],
  [0xfd377a58, "compressed with xz"],
  [0x504b0304, "a zip archive"],
]);

/**
 * The reader for a capture file, told by its first four bytes.
 *
 * @example
 * ```ts
 * const reader = captureReader("node1.pcapng", firstChunk);
 * reader.push(firstChunk);
 * ```
 */
export function captureReader(file: string, start: Uint8Array): CaptureReader {
  const at = { file, offset: 0 };
  const expected = "a pcap or pcapng file";
  if (start.length < 4) {
    throw byteError(
      at,
      `Cannot read capture: it has ${start.length} bytes`,
      expected,
    );
  }
  const magic = new DataView(start.buffer, start.byteOffset).getUint32(0);
  if (isPcapMagic(magic)) return new PcapReader(file);
  if (magic === 0x0a0d0d0a) return new PcapngReader(file);
  const other = OTHER_MAGIC.get(magic) ??
    `of an unknown format: it begins with ${
      magic.toString(16).padStart(8, "0")
    }`;
  throw byteError(at, `Cannot read capture: it is ${other}`, expected);
}
