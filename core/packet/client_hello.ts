import { Window } from "./window.ts";

/**
 * The TLS ClientHello that begins a segment, and the server name it asks for
 * (RFC 8446 section 4.1.2, RFC 6066 section 3); undefined when none does. A
 * hello that goes on in the next segment is read as far as it is there.
 */
export function parseClientHello(
  bytes: Uint8Array,
): { readonly serverName: string | null } | undefined {
  const record = Window.of(bytes);
  // A handshake record of any SSL 3 or TLS version, and in it a ClientHello.
  const isHello = record.length >= 11 && record.u8(0) === 22 &&
    record.u8(1) === 3 && record.u8(5) === 1 && record.u8(9) === 3;
  if (!isHello) return undefined;
  // Client version and random, then session id, cipher suites, compression.
  let rest = record.from(9 + 34, record.u16(3) - 4 - 34);
  rest = afterList(rest, 1);
  rest = afterList(rest, 2);
  rest = afterList(rest, 1);
  return { serverName: serverName(rest.from(2)) };
}

function afterList(window: Window, lengthSize: 1 | 2): Window {
  if (window.length < lengthSize) return window.from(window.length);
  const lengthBytes = lengthSize === 1 ? window.u8(0) : window.u16(0);
  return window.from(lengthSize + lengthBytes);
}

function serverName(extensions: Window): string | null {
  let rest = extensions;
  while (rest.length >= 4) {
    const lengthBytes = rest.u16(2);
    const content = rest.from(4, lengthBytes);
    // Extension 0 is a list of names; a host name has type 0 and comes alone.
    if (rest.u16(0) === 0 && content.length >= 5 && content.u8(2) === 0) {
      const name = content.bytes(5, content.u16(3));
      return name.length === content.u16(3) ? hostName(name) : null;
    }
    rest = rest.from(4 + lengthBytes);
  }
  return null;
}

/** Null for bytes that no host name has. */
function hostName(bytes: Uint8Array): string | null {
  const text = String.fromCharCode(...bytes.subarray(0, 255));
  return /^[A-Za-z0-9._-]{1,255}$/.test(text) ? text : null;
}
