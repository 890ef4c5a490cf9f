import { InternalError } from "../../core/errors.ts";
import { be32, NetfilterSocket } from "./netlink.ts";

/** nfnetlink_log (include/uapi/linux/netfilter/nfnetlink_log.h). */
const SUBSYSTEM = 4;
const MESSAGE = { packet: SUBSYSTEM << 8, config: (SUBSYSTEM << 8) | 1 };
const CONFIG = { command: 1, mode: 2, threshold: 5 };
const BIND = 1;
const PROTOCOL_BIND = 3;
const COPY_PACKET = 2;
const ATTRIBUTE = { mark: 2, inIndex: 4, outIndex: 5, payload: 9, prefix: 10 };

/** Groups: TRACE of iptables always logs to group 0; ours tell what a process would be given, and what the kernel answers by itself. */
export const LOG_GROUP = { trace: 0, delivered: 1, answers: 2 } as const;

/** One packet as it was when a rule logged it. */
export interface LoggedPacket {
  readonly group: number;
  readonly prefix: string;
  readonly mark: number;
  readonly packet: Uint8Array;
}

/** Packets that rules log, read as soon as they pass. */
export class PacketLog {
  readonly #socket: NetfilterSocket;

  /** Opens it in the network namespace that the thread is in. */
  constructor() {
    this.#socket = new NetfilterSocket();
    this.#configure(0, [{ type: CONFIG.command, byte: PROTOCOL_BIND }]);
    for (const group of Object.values(LOG_GROUP)) {
      this.#configure(group, [{ type: CONFIG.command, byte: BIND }]);
      const mode = new Uint8Array(6);
      mode.set(be32(0xffff));
      mode[4] = COPY_PACKET;
      this.#ask(group, [{ type: CONFIG.mode, value: mode }]);
      this.#ask(group, [{ type: CONFIG.threshold, value: be32(1) }]);
    }
  }

  /** What was logged since the last call. */
  read(): LoggedPacket[] {
    return this.#socket.receive()
      .filter((message) => message.type === MESSAGE.packet)
      .map(({ attributes, resource }) => {
        const prefix = attributes.get(ATTRIBUTE.prefix);
        const mark = attributes.get(ATTRIBUTE.mark);
        return {
          group: resource,
          prefix: prefix === undefined
            ? ""
            : new TextDecoder().decode(prefix).replace(/\0.*$/, ""),
          mark: mark === undefined
            ? 0
            : new DataView(mark.buffer, mark.byteOffset).getUint32(0),
          packet: attributes.get(ATTRIBUTE.payload) ?? new Uint8Array(0),
        };
      });
  }

  close(): void {
    this.#socket.close();
  }

  #configure(
    group: number,
    commands: readonly { readonly type: number; readonly byte: number }[],
  ): void {
    this.#ask(
      group,
      commands.map(({ type, byte }) => ({ type, value: Uint8Array.of(byte) })),
    );
  }

  #ask(
    group: number,
    attributes: readonly { type: number; value: Uint8Array }[],
  ): void {
    const errno = this.#socket.ask(MESSAGE.config, attributes, group);
    if (errno !== 0) {
      throw new InternalError(`nfnetlink_log refuses group ${group}: ${errno}`);
    }
  }
}
