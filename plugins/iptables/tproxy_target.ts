import { DOES, VERDICT } from "./compiled_rule.ts";
import { readMask } from "./mark.ts";
import { optionOf, type TargetCompiler } from "./target_compiler.ts";

/**
 * xt_TPROXY.c, `tproxy_tg4`: hands the packet to a socket that listens on the
 * port; without one the packet is dropped.
 */
export const tproxy: TargetCompiler = (target) => {
  const port = Number(optionOf(target, "on-port") ?? 0);
  const { value, mask } = readMask(
    optionOf(target, "tproxy-mark") ?? "0x0/0x0",
  );
  return {
    does: DOES.decide,
    apply: (packet, rule) => {
      packet.rule = rule;
      const { listens } = packet.host;
      if (listens === undefined) {
        packet.unknown = `whether a socket takes what TPROXY sends to ${port}`;
        return VERDICT.unknown;
      }
      if (!listens(packet.protocol, port || packet.destinationPort)) {
        return VERDICT.drop;
      }
      packet.mark = ((packet.mark & ~mask) ^ value) >>> 0;
      packet.markRule = rule;
      return VERDICT.accept;
    },
  };
};
