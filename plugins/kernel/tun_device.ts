import {
  checked,
  cString,
  ERRNO,
  lastErrno,
  libc,
  SystemCallError,
} from "./libc.ts";

const O_RDWR_NONBLOCK_CLOEXEC = 0x2 | 0x800 | 0x8_0000;
/** `_IOW('T', 202, int)`, include/uapi/linux/if_tun.h. */
const TUNSETIFF = 0x4004_54ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
/** Of struct ifreq: the name, then the flags. */
const IFREQ_BYTES = 40;
const NAME_BYTES = 16;

/** Largest IP packet. */
const PACKET_BYTES = 65_536;
const buffer = new Uint8Array(PACKET_BYTES);

/**
 * One end of a link: what is written comes in on the interface, what leaves
 * by the interface is read. Both are done when the call returns, the whole
 * way through netfilter included, so that "nothing came out" is an answer.
 */
export class TunDevice {
  readonly name: string;
  readonly descriptor: number;

  /** Opens it in the network namespace that the thread is in. */
  constructor(name: string) {
    this.name = name;
    this.descriptor = checked(
      "open /dev/net/tun",
      libc().open(cString("/dev/net/tun"), O_RDWR_NONBLOCK_CLOEXEC),
    );
    try {
      const request = new Uint8Array(IFREQ_BYTES);
      request.set(cString(name).subarray(0, NAME_BYTES - 1));
      new DataView(request.buffer)
        .setUint16(NAME_BYTES, IFF_TUN | IFF_NO_PI, true);
      checked(
        `make interface ${name}`,
        libc().ioctl(this.descriptor, BigInt(TUNSETIFF), request),
      );
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A packet arrives. */
  write(packet: Uint8Array<ArrayBuffer>): void {
    const written = libc().write(
      this.descriptor,
      packet,
      BigInt(packet.length),
    );
    checked(`write to ${this.name}`, written);
  }

  /** The next packet that left; undefined when there is none. */
  read(): Uint8Array<ArrayBuffer> | undefined {
    const length = Number(
      libc().read(this.descriptor, buffer, BigInt(PACKET_BYTES)),
    );
    if (length >= 0) return buffer.slice(0, length);
    const errno = lastErrno();
    if (errno === ERRNO.again) return undefined;
    throw new SystemCallError(`read from ${this.name}`, errno);
  }

  close(): void {
    libc().close(this.descriptor);
  }
}
