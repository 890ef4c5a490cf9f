import {
  type Packet,
  type PacketChange,
  PLAIN_DETAIL,
} from "../../core/packet/packet.ts";
import { DOES, VERDICT } from "./compiled_rule.ts";
import { readMask } from "./mark.ts";
import { optionOf, type TargetCompiler } from "./target_compiler.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

const MOST_HOPS = 255;

/** A target that writes one field of the header and goes on. */
function writes(
  write: (packet: TrackedPacket) => void,
): ReturnType<TargetCompiler> {
  return {
    does: DOES.next,
    apply: (packet, rule) => {
      write(packet);
      packet.rewritten = true;
      packet.markRule = rule;
      return VERDICT.accept;
    },
  };
}

function unmodelled(name: string): ReturnType<TargetCompiler> {
  return { does: DOES.unknown, unknown: `target ${name} without a value` };
}

/** xt_HL.c: what there is to take away, and to add, has a bound. */
function hops(prefix: "ttl" | "hl"): TargetCompiler {
  return (target) => {
    const [option] = target.options;
    const value = Number(option?.values[0]);
    switch (option?.name) {
      case `${prefix}-set`:
        return writes((packet) => packet.ttl = value);
      case `${prefix}-inc`:
        return writes((packet) =>
          packet.ttl = Math.min(MOST_HOPS, packet.ttl + value)
        );
      case `${prefix}-dec`:
        return writes((packet) => packet.ttl = Math.max(0, packet.ttl - value));
    }
    return unmodelled(target.name);
  };
}

/** xt_DSCP.c, `tos_tg`: `(tos & ~mask) ^ value`. */
const typeOfService: TargetCompiler = (target) => {
  const given = optionOf(target, "set-tos");
  if (given === undefined) return unmodelled("TOS");
  const { value, mask } = readMask(given);
  return writes((packet) =>
    packet.typeOfService = ((packet.typeOfService & ~mask) ^ value) & 0xff
  );
};

/** xt_DSCP.c, `dscp_tg`: the two bits for congestion stay. */
const codePoint: TargetCompiler = (target) => {
  const given = optionOf(target, "set-dscp");
  if (given === undefined) return unmodelled("DSCP");
  const bits = Number(given) << 2;
  return writes((packet) =>
    packet.typeOfService = (packet.typeOfService & 3) | bits
  );
};

/** Targets that write to headers. */
export const HEADER_TARGETS: Readonly<Record<string, TargetCompiler>> = {
  TTL: hops("ttl"),
  HL: hops("hl"),
  TOS: typeOfService,
  DSCP: codePoint,
};

/** What rules have written to the headers of a packet. */
export function headerChange(
  { ttl, typeOfService }: TrackedPacket,
  packet: Packet,
): PacketChange {
  const detail = packet.detail ?? PLAIN_DETAIL;
  return {
    ...(ttl === packet.ttl ? {} : { ttl }),
    ...(typeOfService === detail.typeOfService
      ? {}
      : { detail: { ...detail, typeOfService } }),
  };
}
