import { invariant } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { damageError } from "./_damage.ts";
import { crc32 } from "./_native.ts";
import { decodeUtf8, parseJson } from "./_text.ts";
import { canonicalBytes } from "./canonical_json.ts";
import type { LogBytes } from "./log_bytes.ts";
import type { LogHeader } from "./log_event.ts";

/*
 * The start of a log: magic, format version (u16), length of the JSON (u32),
 * crc32 of all of these and the JSON (u32), the JSON. Little endian. Every
 * later format keeps the magic and the place of the version.
 */
const MAGIC = new TextEncoder().encode("PLUMBLINE");
const VERSION = MAGIC.length;
const JSON_LENGTH = VERSION + 2;
const SUM = JSON_LENGTH + 4;
const JSON_START = SUM + 4;

/** Version of the log format that is written; the only one that is read. */
export const LOG_FORMAT_VERSION = 1;

/** A header as it is stored, and what it says. */
export interface FileHeader {
  readonly header: LogHeader;
  readonly bytes: Uint8Array;
}

/** Lays a header out in bytes. */
export function encodeHeader(header: LogHeader): FileHeader {
  const json = canonicalBytes(header);
  invariant(
    json.length <= LIMITS.logHeaderBytes,
    `Cannot write log header: ${json.length} bytes are too many`,
  );
  const bytes = new Uint8Array(JSON_START + json.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(VERSION, LOG_FORMAT_VERSION, true);
  view.setUint32(JSON_LENGTH, json.length, true);
  bytes.set(json, JSON_START);
  view.setUint32(SUM, sumOf(bytes), true);
  // What is read back is what a reader will see: addresses are text by then.
  return { header: parseHeader(json) ?? {}, bytes };
}

/** Reads the header of a log; an InputError when there is none, or a newer one. */
export function decodeHeader(log: LogBytes): FileHeader {
  const start = log.read(0, Math.min(log.length, JSON_START));
  if (!MAGIC.every((byte, index) => start[index] === byte)) {
    throw headerError(log, 0, "it is not a Plumbline log");
  }
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  if (start.length < JSON_START) throw cutShort(log);
  const version = view.getUint16(VERSION, true);
  if (version !== LOG_FORMAT_VERSION) {
    throw damageError({
      file: log.name,
      offsetBytes: VERSION,
      message: `Cannot read log: it has format version ${version}` +
        (version > LOG_FORMAT_VERSION ? ", a newer one" : ""),
      expected: `format version ${LOG_FORMAT_VERSION}, the one this program ` +
        "knows: read it with the program that wrote it, or run again",
    });
  }
  const jsonLength = view.getUint32(JSON_LENGTH, true);
  if (jsonLength > LIMITS.logHeaderBytes) {
    throw headerError(log, JSON_LENGTH, "its header is damaged");
  }
  if (JSON_START + jsonLength > log.length) throw cutShort(log);
  const bytes = log.read(0, JSON_START + jsonLength);
  const header = parseHeader(bytes.subarray(JSON_START));
  if (view.getUint32(SUM, true) !== sumOf(bytes) || header === undefined) {
    throw headerError(log, JSON_START, "its header is damaged");
  }
  return { header, bytes };
}

function sumOf(bytes: Uint8Array): number {
  return crc32(bytes.subarray(JSON_START), crc32(bytes.subarray(0, SUM)));
}

function parseHeader(json: Uint8Array): LogHeader | undefined {
  const value = parseJson(decodeUtf8(json) ?? "");
  return value !== null && typeof value === "object" && !Array.isArray(value)
    ? value as LogHeader
    : undefined;
}

function cutShort(log: LogBytes) {
  return headerError(
    log,
    log.length,
    `it ends within its header, after ${log.length} bytes`,
  );
}

function headerError(log: LogBytes, offsetBytes: number, reason: string) {
  return damageError({
    file: log.name,
    offsetBytes,
    message: `Cannot read log: ${reason} (block 0 at byte ${offsetBytes})`,
    expected: "a file that a run wrote. Nothing was changed: restore it from " +
      "a copy, or run again",
  });
}
