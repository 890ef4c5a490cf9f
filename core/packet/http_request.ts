import type { HttpRequest } from "./packet.ts";
import { redactHeader, redactTarget } from "./redact.ts";

/** Longest request head that is looked at: the default limit of most proxies. */
const MOST_BYTES = 16_384;

/**
 * The cleartext HTTP/1.x request that begins a segment; undefined when none
 * does. Headers that the segment does not hold whole are left out, and the
 * values of secret ones are redacted.
 */
export function parseHttpRequest(bytes: Uint8Array): HttpRequest | undefined {
  // Methods are upper case by registration, which tells most protocols apart at once.
  if (bytes.length < 16 || bytes[0]! < 0x41 || bytes[0]! > 0x5a) {
    return undefined;
  }
  const lines = headLines(bytes);
  const match = /^([A-Z]{3,32}) (\S+) HTTP\/1\.[01]$/.exec(lines[0] ?? "");
  if (match === null) return undefined;
  const headers = lines.slice(1).flatMap((line) => {
    const colon = line.indexOf(":");
    if (colon < 1) return [];
    const name = line.slice(0, colon);
    return [[name, redactHeader(name, line.slice(colon + 1).trim())] as const];
  });
  const host = headers.find(([name]) => name.toLowerCase() === "host")?.[1];
  return {
    method: match[1]!,
    scheme: "http",
    ...splitTarget(match[2]!, { method: match[1]!, host: host ?? "" }),
    headers,
  };
}

/** The lines of the head that end in the segment. */
function headLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  let line = "";
  const end = Math.min(bytes.length, MOST_BYTES);
  for (let i = 0; i < end; i++) {
    const byte = bytes[i]!;
    if (byte !== 0x0a) {
      line += String.fromCharCode(byte);
      continue;
    }
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    if (text === "") break;
    lines.push(text);
    line = "";
  }
  return lines;
}

/** RFC 9112 section 3.2: origin form, absolute form (to a proxy), authority form (CONNECT). */
function splitTarget(
  target: string,
  request: { method: string; host: string },
): { authority: string; path: string } {
  if (request.method === "CONNECT") return { authority: target, path: "" };
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target);
  if (absolute === null) {
    return { authority: request.host, path: redactTarget(target) };
  }
  return {
    authority: absolute[1]!.slice(absolute[1]!.lastIndexOf("@") + 1),
    path: redactTarget(absolute[2] || "/"),
  };
}
