import { checked, ERRNO, lastErrno, libc, SystemCallError } from "./libc.ts";

const AF_INET = 2;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0x800 | 0x8_0000;
/** Takes whole packets, header included, and is given none. */
const IPPROTO_RAW = 255;
const SOL_SOCKET = 1;
const SO_MARK = 36;
const SOCKET_ADDRESS_BYTES = 16;

/**
 * Sends packets as a process of the node does: they start at the `output`
 * hook. Opened under the user id of the process it stands for, which is what
 * `-m owner` reads of a socket (net/netfilter/xt_owner.c).
 */
export class RawSocket {
  readonly descriptor: number;
  readonly #to = new Uint8Array(SOCKET_ADDRESS_BYTES);
  #mark = 0;

  /** Opens it in the network namespace that the thread is in. */
  constructor(uid: number, gid = uid) {
    // The group first: who is no longer root may not change it.
    libc().setfsgid(gid);
    libc().setfsuid(uid);
    try {
      this.descriptor = checked(
        "open a raw socket",
        libc().socket(AF_INET, SOCK_RAW_NONBLOCK_CLOEXEC, IPPROTO_RAW),
      );
    } finally {
      libc().setfsuid(0);
      libc().setfsgid(0);
    }
    this.#to[0] = AF_INET;
  }

  /** Sends a packet; false when netfilter refused it, which is all that the sender learns. */
  send(packet: Uint8Array<ArrayBuffer>, mark = 0): boolean {
    if (mark !== this.#mark) this.#setMark(mark);
    this.#to.set(packet.subarray(16, 20), 4);
    const sent = Number(
      libc().sendto(
        this.descriptor,
        packet,
        BigInt(packet.length),
        0,
        this.#to,
        SOCKET_ADDRESS_BYTES,
      ),
    );
    if (sent >= 0) return true;
    const errno = lastErrno();
    if (errno === ERRNO.permission) return false;
    throw new SystemCallError("send a packet", errno);
  }

  #setMark(mark: number): void {
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, mark, true);
    checked(
      "mark a socket",
      libc().setsockopt(this.descriptor, SOL_SOCKET, SO_MARK, value, 4),
    );
    this.#mark = mark;
  }

  close(): void {
    libc().close(this.descriptor);
  }
}
