import type { Judgement } from "../../core/policy/judgement.ts";
import type { PolicyDirection } from "../../core/policy/policy.ts";
import type { Action, HookContext } from "../../core/replay/plugin.ts";
import type { NodeDatapath } from "./datapath.ts";
import { policyProxy } from "./policy_proxy.ts";

/** What a policy's answer does to a packet; undefined when no policy has a say. */
export function enforce(
  judgement: Judgement,
  { path, context, direction }: {
    readonly path: NodeDatapath;
    readonly context: HookContext;
    readonly direction: PolicyDirection;
  },
): Action | undefined {
  // The policy map is asked twice: for the identity, and for any (__policy_can_access).
  context.charge("lpmLookups", 2);
  const { verdict, rule, l7, authentication } = judgement;
  if (verdict === "deny") {
    return { kind: "drop", reason: denialOf(judgement), rule };
  }
  const { staged } = judgement;
  if (staged !== null) {
    context.remark(`AUDITED: ${denialOf(staged)}`, staged.rule);
    if (l7 === null) return { kind: "accept", rule: staged.rule };
  }
  if (verdict === "unknown") {
    return { kind: "unknown", reason: judgement.reason ?? "policy", rule };
  }
  if (authentication === "test-always-fail") {
    return { kind: "drop", reason: "AUTH_REQUIRED", rule };
  }
  if (authentication !== null) {
    const reason = `authentication ${authentication} is not modelled`;
    return { kind: "unknown", reason, rule };
  }
  if (l7 === null) return rule === null ? undefined : { kind: "accept", rule };
  if (!path.settings.l7Proxy) {
    const reason = "an L7 rule without the L7 proxy";
    return { kind: "unknown", reason, rule };
  }
  const proxy = policyProxy(judgement, { path, direction });
  return { kind: "proxy", proxy, rule };
}

function denialOf({ explicit }: Judgement): string {
  return explicit ? "POLICY_DENY" : "POLICY_DENIED";
}
