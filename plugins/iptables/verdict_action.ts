import type { Action } from "../../core/replay/plugin.ts";
import type { Chain } from "./chain.ts";
import { VERDICT } from "./compiled_rule.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** The mark that rules have given a packet. */
export function markRewrite(packet: TrackedPacket): Action {
  return {
    kind: "rewrite",
    change: { mark: packet.mark },
    rule: packet.markRule?.cited ?? null,
  };
}

/** What a table does to a packet that it does not let pass. */
export function refusal(
  verdict: number,
  { rule, unknown }: TrackedPacket,
  base: Chain,
): Action {
  const cited = rule?.cited ?? base.policyRule;
  const chain = rule?.chain.name ?? `${base.name} policy`;
  switch (verdict) {
    case VERDICT.drop:
      return { kind: "drop", reason: chain, rule: cited };
    case VERDICT.reject:
      return {
        kind: "reject",
        with: rule?.target.rejectWith ?? "icmp-unreachable",
        reason: chain,
        rule: cited,
      };
    default:
      return {
        kind: "unknown",
        reason: `${rule?.name ?? base.name}: ${unknown} is not modelled`,
        rule: cited,
      };
  }
}
