import { TCP_FLAG } from "../../core/packet/packet.ts";

/** States of nf_conntrack_proto_tcp.c that a connection can be in, in its order; 0 is none yet. */
const NO = 0, SS = 1, SR = 2, ES = 3, FW = 4, CW = 5, LA = 6, TW = 7;
const CL = 8, S2 = 9;

/** The packet changes nothing, and is taken for one of the connection all the same. */
const IG = 10;

/** The packet is INVALID. */
const IV = 11;

/** `tcp_conntracks`: by direction, kind of packet and state. */
const TRANSITIONS = {
  original: {
    syn: [SS, SS, IG, IG, IG, IG, IG, SS, SS, S2],
    synAck: [IV, IV, SR, IV, IV, IV, IV, IV, IV, SR],
    fin: [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
    ack: [ES, IV, ES, ES, CW, CW, TW, TW, CL, IV],
    rst: [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
    none: [IV, IV, IV, IV, IV, IV, IV, IV, IV, IV],
  },
  reply: {
    syn: [IV, S2, IV, IV, IV, IV, IV, SS, IV, S2],
    synAck: [IV, SR, IG, IG, IG, IG, IG, IG, IG, SR],
    fin: [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
    ack: [IV, IG, SR, ES, CW, CW, TW, TW, CL, IG],
    rst: [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
    none: [IV, IV, IV, IV, IV, IV, IV, IV, IV, IV],
  },
} as const;

/** States after which a connection is not counted any more. */
export const TCP_ENDED: ReadonlySet<number> = new Set([TW, CL]);

/** Beside the state: the connection was opened from both sides (IPS_ASSURED). */
export const TCP_ASSURED = 16;

/** The state that a packet brings a connection to; null when the packet is INVALID in this one. Sequence numbers are not modelled. */
export function nextTcpState(
  state: number,
  { tcpFlags, reply }: { readonly tcpFlags: number; readonly reply: boolean },
): number | null {
  const table = reply ? TRANSITIONS.reply : TRANSITIONS.original;
  const now = state & ~TCP_ASSURED;
  const next = table[kindOf(tcpFlags)][now]!;
  if (next === IV) return null;
  const assured = next === ES && (now === SR || now === ES)
    ? TCP_ASSURED
    : state & TCP_ASSURED;
  return (next === IG ? now : next) | assured;
}

/** A connection that both sides are through with; until then a SYN is taken for one of it. */
export function hasEnded(
  { closed, tcpState }: { readonly closed: boolean; readonly tcpState: number },
): boolean {
  return closed && TCP_ENDED.has(tcpState & ~TCP_ASSURED);
}

/** State of a connection before its first packet. */
export const NO_TCP_STATE = NO;

/** `get_conntrack_index`. */
function kindOf(flags: number): keyof typeof TRANSITIONS["original"] {
  if ((flags & TCP_FLAG.rst) !== 0) return "rst";
  const ack = (flags & TCP_FLAG.ack) !== 0;
  if ((flags & TCP_FLAG.syn) !== 0) return ack ? "synAck" : "syn";
  if ((flags & TCP_FLAG.fin) !== 0) return "fin";
  return ack ? "ack" : "none";
}
