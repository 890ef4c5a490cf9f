import { DOES, VERDICT } from "./compiled_rule.ts";
import { readMask } from "./mark.ts";
import { hasOption, optionOf, type TargetCompiler } from "./target_compiler.ts";
import { CT_STATE } from "./tracked_packet.ts";

/** `(mark & ~mask) ^ value` (xt_mark.c); every other way to write it was made this one. */
const mark: TargetCompiler = (target) => {
  const xmark = optionOf(target, "set-xmark");
  if (xmark === undefined) {
    return { does: DOES.unknown, unknown: "target MARK without a mark" };
  }
  const { value, mask } = readMask(xmark);
  return {
    does: DOES.next,
    apply: (packet, rule) => {
      packet.mark = ((packet.mark & ~mask) ^ value) >>> 0;
      packet.markRule = rule;
      return VERDICT.accept;
    },
  };
};

/** xt_connmark.c, `connmark_tg_shift` without a shift. */
const connmark: TargetCompiler = (target) => {
  const xmark = optionOf(target, "set-xmark");
  if (xmark !== undefined) {
    const { value, mask } = readMask(xmark);
    return {
      does: DOES.next,
      apply: ({ connection }) => {
        if (connection !== null) {
          connection.mark = ((connection.mark & ~mask) ^ value) >>> 0;
        }
        return VERDICT.accept;
      },
    };
  }
  const nfmask = Number(optionOf(target, "nfmask") ?? 0xffffffff);
  const ctmask = Number(optionOf(target, "ctmask") ?? 0xffffffff);
  if (hasOption(target, "save-mark")) {
    return {
      does: DOES.next,
      apply: ({ connection, mark }) => {
        if (connection !== null) {
          connection.mark = ((connection.mark & ~ctmask) ^ (mark & nfmask)) >>>
            0;
        }
        return VERDICT.accept;
      },
    };
  }
  if (hasOption(target, "restore-mark")) {
    return {
      does: DOES.next,
      apply: (packet, rule) => {
        const { connection } = packet;
        if (connection === null) return VERDICT.accept;
        packet.mark = ((packet.mark & ~nfmask) ^ (connection.mark & ctmask)) >>>
          0;
        packet.markRule = rule;
        return VERDICT.accept;
      },
    };
  }
  return { does: DOES.unknown, unknown: "target CONNMARK without a mark" };
};

/** Takes the packet out of connection tracking, or puts it into a zone; only raw comes early enough. */
const notrack: TargetCompiler = (target) => {
  const zone = optionOf(target, "zone");
  const other = target.options.find(({ name }) =>
    name !== "notrack" && name !== "zone"
  );
  if (other !== undefined) {
    return {
      does: DOES.unknown,
      unknown: `option --${other.name} of target CT`,
    };
  }
  if (zone !== undefined) {
    const number = Number(zone);
    return {
      does: DOES.next,
      apply: (packet) => {
        // Only the first of several such rules counts: the packet has its template then.
        if (packet.zone === 0) packet.zone = number;
        return VERDICT.accept;
      },
    };
  }
  return {
    does: DOES.next,
    apply: (packet) => {
      packet.state = CT_STATE.untracked;
      return VERDICT.accept;
    },
  };
};

/** Targets that change marks or tracking. */
export const MARK_TARGETS: Readonly<Record<string, TargetCompiler>> = {
  MARK: mark,
  CONNMARK: connmark,
  CT: notrack,
  NOTRACK: notrack,
};
