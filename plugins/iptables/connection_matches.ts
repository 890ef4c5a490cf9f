import { protocolNumber } from "../../core/import/iptables_save.ts";
import type { RuleOption } from "../../core/import/iptables_rules.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import type { Tuple } from "../../core/replay/conntrack.ts";
import { addressTest } from "./address_match.ts";
import type { Test } from "./compiled_rule.ts";
import {
  allOf,
  byOption,
  doubtful,
  type MatchCompiler,
  negated,
} from "./match_compiler.ts";
import { readMask } from "./mark.ts";
import { TCP_ASSURED } from "./tcp_state.ts";
import { CT_STATE, type TrackedPacket } from "./tracked_packet.ts";

const STATE_BITS: Readonly<Record<string, number>> = {
  INVALID: CT_STATE.invalid,
  NEW: CT_STATE.new,
  RELATED: CT_STATE.related,
  ESTABLISHED: CT_STATE.established,
  UNTRACKED: CT_STATE.untracked,
};

/** Bits of a list of states; undefined where it has one that is no state of the packet itself. */
export function stateBits(list: string): number | undefined {
  const names = list.split(",");
  return names.every((name) => name in STATE_BITS)
    ? names.reduce((sum, name) => sum | STATE_BITS[name]!, 0)
    : undefined;
}

/** `--ctstate` and `--state`: SNAT and DNAT are bits of the connection, not of the packet. */
function stateTest(option: RuleOption): Test {
  const names = option.values[0]!.split(",");
  const bits = names.reduce((sum, name) => sum | (STATE_BITS[name] ?? 0), 0);
  const sourceNat = names.includes("SNAT");
  const destinationNat = names.includes("DNAT");
  if (!sourceNat && !destinationNat) {
    return option.negated
      ? (packet) => (packet.state & bits) === 0
      : (packet) => (packet.state & bits) !== 0;
  }
  return negated(option, ({ state, connection }) =>
    (state & bits) !== 0 ||
    (connection !== null &&
      ((sourceNat && connection.sourceTranslated) ||
        (destinationNat && connection.destinationTranslated &&
          !connection.balanced))));
}

/** An option that needs a connection fails without one, negated or not (xt_conntrack.c). */
function ofConnection(
  option: RuleOption,
  test: (packet: TrackedPacket) => boolean,
): Test {
  return (packet) =>
    packet.connection !== null && test(packet) !== option.negated;
}

function tupleAddress(
  which: "original" | "reply",
  side: "source" | "destination",
): (option: RuleOption) => Test {
  return (option) => {
    const test = addressTest(option.values[0]!);
    return ofConnection(
      option,
      (packet) => test(packet.connection![which][side]),
    );
  };
}

function tuplePort(
  which: "original" | "reply",
  side: "sourcePort" | "destinationPort",
): (option: RuleOption) => Test {
  return (option) => {
    const [from, to] = option.values[0]!.split(":").map(Number);
    return ofConnection(option, (packet) => {
      const port = (packet.connection![which] as Tuple)[side];
      return port >= from! && port <= (to ?? from!);
    });
  };
}

/** The marks that `--mark value/mask` asks for. */
function markTest(
  read: (packet: TrackedPacket) => number,
): (option: RuleOption) => Test {
  return (option) => {
    const { value, mask } = readMask(option.values[0]!);
    const wanted = value | 0;
    if (mask === value && (value & (value - 1)) === 0) {
      // One bit, as components that share the mark ask for it.
      const set = !option.negated;
      return (packet) => ((read(packet) & mask) !== 0) === set;
    }
    return negated(option, (packet) => (read(packet) & mask) === wanted);
  };
}

/** A user or group id, or a range (xt_owner.c). The kernel's own packets have a socket without a file: no id, but a socket. */
const owner: MatchCompiler = (match) => {
  const tests: Test[] = [];
  for (const option of match.options) {
    if (option.name === "socket-exists") {
      tests.push(negated(option, (packet) => packet.local));
    } else if (option.name === "uid-owner" || option.name === "gid-owner") {
      const [from, to] = option.values[0]!.split("-").map(Number);
      const ofUser = option.name === "uid-owner";
      tests.push(({ owner }) => {
        // Whatever has no process behind it, forwarded packets included, is not of this user.
        if (owner === null) return option.negated;
        const id = ofUser ? owner.uid : owner.gid ?? owner.uid;
        return (id >= from! && id <= (to ?? from!)) !== option.negated;
      });
    } else {
      return { unknown: `option --${option.name} of match owner` };
    }
  }
  return allOf(tests);
};

/** Bits of `--ctstatus`; helpers, who expect connections, are not modelled. */
function statusHolds(
  { connection }: TrackedPacket,
  names: readonly string[],
): boolean | undefined {
  const { replied, table, tcpState, original } = connection!;
  if (
    (names.includes("SEEN_REPLY") && replied) ||
    // One that is forgotten with this packet was confirmed too.
    (names.includes("CONFIRMED") && table !== null) ||
    (names.includes("ASSURED") && (tcpState & TCP_ASSURED) !== 0)
  ) {
    return true;
  }
  // An answered stream of datagrams is assured after two seconds.
  const streams = original.protocol === PROTOCOL.udp && replied;
  return names.includes("ASSURED") && streams ? undefined : false;
}

/** Takes `--ctstatus` out of a match: of some connections it is not known. */
function withStatus(rest: MatchCompiler): MatchCompiler {
  return (match, environment) => {
    const status = match.options.find(({ name }) => name === "ctstatus");
    if (status === undefined) return rest(match, environment);
    const options = match.options.filter((option) => option !== status);
    const others = rest({ ...match, options }, environment);
    if (others !== null && typeof others !== "function") return others;
    const names = status.values[0]!.split(",");
    return doubtful((packet) => {
      if (packet.connection === null) return false;
      if (others !== null && !others(packet)) return false;
      const holds = statusHolds(packet, names);
      return holds === undefined ? undefined : holds !== status.negated;
    }, "whether the connection is assured");
  };
}

/** Matches that look at the connection or at what travels beside the packet. */
export const CONNECTION_MATCHES: Readonly<Record<string, MatchCompiler>> = {
  conntrack: withStatus(byOption({
    ctstate: stateTest,
    ctproto: (option) => {
      const number = protocolNumber(option.values[0]!);
      return ofConnection(
        option,
        (packet) => packet.connection!.original.protocol === number,
      );
    },
    ctorigsrc: tupleAddress("original", "source"),
    ctorigdst: tupleAddress("original", "destination"),
    ctreplsrc: tupleAddress("reply", "source"),
    ctrepldst: tupleAddress("reply", "destination"),
    ctorigsrcport: tuplePort("original", "sourcePort"),
    ctorigdstport: tuplePort("original", "destinationPort"),
    ctreplsrcport: tuplePort("reply", "sourcePort"),
    ctrepldstport: tuplePort("reply", "destinationPort"),
    ctdir: (option) => {
      const reply = option.values[0] === "REPLY";
      return ofConnection(option, (packet) => packet.reply === reply);
    },
  })),
  state: byOption({ state: stateTest }),
  mark: byOption({ mark: markTest((packet) => packet.mark) }),
  connmark: byOption({
    // Without a connection there is no mark to compare (xt_connmark.c).
    mark: (option) => {
      const test = markTest((packet) => packet.connection!.mark)(option);
      return (packet) => packet.connection !== null && test(packet);
    },
  }),
  owner,
};
