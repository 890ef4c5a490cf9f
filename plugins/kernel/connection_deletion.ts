import { InternalError } from "../../core/errors.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import type { Tuple } from "../../core/replay/conntrack.ts";
import { ERRNO } from "./libc.ts";
import {
  be16,
  be32,
  type NetfilterSocket,
  type NetlinkAttribute,
} from "./netlink.ts";

/** nfnetlink_conntrack (include/uapi/linux/netfilter/nfnetlink_conntrack.h). */
const DELETE = (1 << 8) | 2;
const TUPLE_ORIGINAL = 1;
const TUPLE = { ip: 1, protocol: 2 };
const ADDRESS = { source: 1, destination: 2 };
const PORT = { protocol: 1, source: 2, destination: 3 };
const ICMP = { identifier: 4, type: 5, code: 6 };
const ECHO_REQUEST = 8;

/** Takes the connection that a packet of this tuple opened out of the kernel's table. */
export function forgetConnection(socket: NetfilterSocket, tuple: Tuple): void {
  const errno = socket.ask(DELETE, [{
    type: TUPLE_ORIGINAL,
    value: [
      {
        type: TUPLE.ip,
        value: [
          { type: ADDRESS.source, value: be32(tuple.source.w3) },
          { type: ADDRESS.destination, value: be32(tuple.destination.w3) },
        ],
      },
      { type: TUPLE.protocol, value: ports(tuple) },
    ],
  }]);
  if (errno !== 0 && errno !== ERRNO.missing) {
    throw new InternalError(`conntrack refuses to forget: errno ${errno}`);
  }
}

/** Takes every connection of the namespace out. */
export function forgetConnections(socket: NetfilterSocket): void {
  const errno = socket.ask(DELETE, []);
  if (errno !== 0) {
    throw new InternalError(`conntrack refuses to forget: errno ${errno}`);
  }
}

function ports(tuple: Tuple): NetlinkAttribute[] {
  const protocol = {
    type: PORT.protocol,
    value: Uint8Array.of(tuple.protocol),
  };
  return tuple.protocol === PROTOCOL.icmp
    ? [
      protocol,
      { type: ICMP.identifier, value: be16(tuple.sourcePort) },
      { type: ICMP.type, value: Uint8Array.of(ECHO_REQUEST) },
      { type: ICMP.code, value: Uint8Array.of(0) },
    ]
    : [
      protocol,
      { type: PORT.source, value: be16(tuple.sourcePort) },
      { type: PORT.destination, value: be16(tuple.destinationPort) },
    ];
}
