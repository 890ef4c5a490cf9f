import type { Hook } from "../../core/replay/hook.ts";
import type { Action } from "../../core/replay/plugin.ts";
import { type SeenPacket, seePacket } from "./packet_bytes.ts";
import type { PreparedRules } from "./random_choices.ts";
import { citation } from "./rule_citation.ts";
import type { RuleHit } from "./rule_path.ts";

/** How the kernel told the sender; null: it did not. */
export type Answered = "tcp-reset" | "icmp-unreachable" | null;

/** What the kernel did instead of sending a packet on, and where. */
export interface Refusal {
  readonly action: Action;
  readonly hook: Hook;
  /** The packet as the refusing rule met it; null where that is not known. */
  readonly packet: SeenPacket | null;
}

/** Hooks by the base chains that are called there. */
const BASE_HOOKS: Readonly<Record<string, Hook>> = {
  PREROUTING: "prerouting",
  INPUT: "input",
  FORWARD: "forward",
  OUTPUT: "output",
  POSTROUTING: "postrouting",
};

/** A refusal at the second hook comes after the first one of a walk. */
const COMES_LATER: readonly (readonly [now: Hook, later: Hook])[] = [
  ["forward", "postrouting"],
  ["postrouting", "prerouting"],
  ["postrouting", "input"],
  ["prerouting", "input"],
];

/** Whether a walk at `now` has yet to come to `then`. */
export function comesLater(now: Hook, then: Hook): boolean {
  return COMES_LATER.some(([one, later]) => one === now && later === then);
}

/** Reads off the rules that a packet met which of them refused it. */
export function refusalOn(
  path: readonly RuleHit[],
  { rules, answered }: {
    readonly rules: PreparedRules;
    readonly answered: Answered;
  },
): Refusal {
  for (const [position, hit] of [...path.entries()].reverse()) {
    const action = refusingAction(hit, { rules, answered });
    if (action === undefined) continue;
    const base = path.slice(0, position + 1)
      .findLast(({ chain }) => Object.hasOwn(BASE_HOOKS, chain));
    return {
      action,
      hook: BASE_HOOKS[base?.chain ?? ""] ?? "prerouting",
      packet: hit.packet === null ? null : seePacket(hit.packet) ?? null,
    };
  }
  const reason = "no rule: the kernel itself";
  return {
    action: answered === null
      ? { kind: "drop", reason, rule: null }
      : { kind: "reject", with: answered, reason, rule: null },
    hook: "prerouting",
    packet: null,
  };
}

/** What a rule or policy did, if it is one that refuses. */
function refusingAction(
  hit: RuleHit,
  { rules, answered }: {
    readonly rules: PreparedRules;
    readonly answered: Answered;
  },
): Action | undefined {
  const text = rules.ruleText(hit);
  if (text === undefined) {
    return rules.policy(hit) === "DROP"
      ? { kind: "drop", reason: `${hit.chain} policy`, rule: null }
      : undefined;
  }
  const said = { reason: hit.chain, rule: citation(hit, rules) };
  if (/ -j REJECT\b/.test(text)) {
    // An answer may itself be dropped on its way: then the sender waits.
    return answered === null
      ? { kind: "drop", ...said }
      : { kind: "reject", with: rejectedWith(text), ...said };
  }
  return / -j DROP\b/.test(text) ? { kind: "drop", ...said } : undefined;
}

function rejectedWith(text: string): "tcp-reset" | "icmp-unreachable" {
  return / --reject-with tcp-reset\b/.test(text)
    ? "tcp-reset"
    : "icmp-unreachable";
}
