import { checked, ERRNO, lastErrno, libc, SystemCallError } from "./libc.ts";

const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0x800 | 0x8_0000;
const NETLINK_NETFILTER = 12;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const RECEIVE_BYTES = 8 * 1024 * 1024;

const HEADER_BYTES = 16;
/** struct nfgenmsg. */
const FAMILY_BYTES = 4;
const ATTRIBUTE_BYTES = 4;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLMSG_ERROR = 2;
const NLA_F_NESTED = 0x8000;
const AF_INET = 2;

const buffer = new Uint8Array(256 * 1024);

/** One attribute of a netfilter message; a list nests. */
export interface NetlinkAttribute {
  readonly type: number;
  readonly value: Uint8Array | readonly NetlinkAttribute[];
}

/** One message from the kernel. */
export interface NetlinkMessage {
  /** Subsystem and kind: `(subsystem << 8) | kind`. */
  readonly type: number;
  /** By type; the last of each. */
  readonly attributes: ReadonlyMap<number, Uint8Array>;
  /** `res_id` of struct nfgenmsg: for a log, its group. */
  readonly resource: number;
}

/** A socket to netfilter's subsystems in one network namespace. */
export class NetfilterSocket {
  readonly descriptor: number;
  #sequence = 0;

  /** Opens it in the network namespace that the thread is in. */
  constructor() {
    this.descriptor = checked(
      "open a netlink socket",
      libc().socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_NETFILTER),
    );
    const address = new Uint8Array(12);
    address[0] = AF_NETLINK;
    checked("bind", libc().bind(this.descriptor, address, address.length));
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, RECEIVE_BYTES, true);
    libc().setsockopt(this.descriptor, SOL_SOCKET, SO_RCVBUFFORCE, size, 4);
  }

  /** Asks for something, and gives the number of the error the kernel answers with; 0 for none. */
  ask(
    type: number,
    attributes: readonly NetlinkAttribute[],
    resource = 0,
  ): number {
    const body = emitAttributes(attributes);
    const message = new Uint8Array(HEADER_BYTES + FAMILY_BYTES + body.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, message.length, true);
    view.setUint16(4, type, true);
    view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK, true);
    view.setUint32(8, ++this.#sequence, true);
    view.setUint8(16, AF_INET);
    view.setUint16(18, resource);
    message.set(body, HEADER_BYTES + FAMILY_BYTES);
    const sent = libc().sendto(
      this.descriptor,
      message,
      BigInt(message.length),
      0,
      null,
      0,
    );
    checked("ask netfilter", sent);
    return this.#answer();
  }

  /** Messages that wait, in their order. */
  receive(): NetlinkMessage[] {
    const messages: NetlinkMessage[] = [];
    for (let part = this.#read(); part !== undefined; part = this.#read()) {
      for (const { type, bytes } of split(part)) {
        if (type === NLMSG_ERROR) continue;
        messages.push({
          type,
          resource: new DataView(bytes.buffer, bytes.byteOffset).getUint16(2),
          attributes: parseAttributes(bytes.subarray(FAMILY_BYTES)),
        });
      }
    }
    return messages;
  }

  close(): void {
    libc().close(this.descriptor);
  }

  /** The kernel answers before sendto() returns. */
  #answer(): number {
    for (let part = this.#read(); part !== undefined; part = this.#read()) {
      for (const { type, bytes } of split(part)) {
        if (type !== NLMSG_ERROR) continue;
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        return -view.getInt32(0, true);
      }
    }
    return 0;
  }

  #read(): Uint8Array<ArrayBuffer> | undefined {
    const length = Number(
      libc().read(this.descriptor, buffer, BigInt(buffer.length)),
    );
    if (length >= 0) return buffer.slice(0, length);
    const errno = lastErrno();
    if (errno === ERRNO.again) return undefined;
    throw new SystemCallError("read from netfilter", errno);
  }
}

/** A number in network byte order. */
export function be32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** The same in two bytes. */
export function be16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

function emitAttributes(
  attributes: readonly NetlinkAttribute[],
): Uint8Array {
  const parts = attributes.map(({ type, value }) => {
    const nested = !(value instanceof Uint8Array);
    const content = nested ? emitAttributes(value) : value;
    const bytes = new Uint8Array(padded(ATTRIBUTE_BYTES + content.length));
    const view = new DataView(bytes.buffer);
    view.setUint16(0, ATTRIBUTE_BYTES + content.length, true);
    view.setUint16(2, nested ? type | NLA_F_NESTED : type, true);
    bytes.set(content, ATTRIBUTE_BYTES);
    return bytes;
  });
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

function parseAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0; offset + ATTRIBUTE_BYTES <= bytes.length;) {
    const length = view.getUint16(offset, true);
    if (length < ATTRIBUTE_BYTES || offset + length > bytes.length) break;
    attributes.set(
      view.getUint16(offset + 2, true) & 0x3fff,
      bytes.subarray(offset + ATTRIBUTE_BYTES, offset + length),
    );
    offset += padded(length);
  }
  return attributes;
}

function* split(
  part: Uint8Array,
): Generator<{ type: number; bytes: Uint8Array }> {
  const view = new DataView(part.buffer, part.byteOffset, part.length);
  for (let offset = 0; offset + HEADER_BYTES <= part.length;) {
    const length = view.getUint32(offset, true);
    if (length < HEADER_BYTES || offset + length > part.length) return;
    yield {
      type: view.getUint16(offset + 4, true),
      bytes: part.subarray(offset + HEADER_BYTES, offset + length),
    };
    offset += padded(length);
  }
}

/** NLMSG_ALIGN and NLA_ALIGN. */
function padded(length: number): number {
  return (length + 3) & ~3;
}
