import { DROP_REASONS } from "../../../core/import/drop_reason.ts";
import { HUBBLE_EVENT } from "../../../core/import/hubble_flow.ts";
import type { FlowResult } from "../../../core/replay/engine.ts";
import type { Hop } from "../../../core/replay/hop.ts";
import {
  common,
  type Event,
  type FlowFields,
  type Seen,
} from "./flow_event.ts";

/** A verdict of policy, or a drop. */
export function reported(seen: Seen, { outcome }: FlowResult): Event[] {
  const { hop, way, node } = seen;
  const ingress = hop.hook === "to-pod" || hop.hook === "from-wire";
  const side = ingress ? "INGRESS" : "EGRESS";
  const fields = common(seen, side);
  const prefix = side.toLowerCase();
  const policies = policiesOf(hop);
  const type = HUBBLE_EVENT.policyVerdict;
  const judged = (verdict: string, suffix: string, more: FlowFields = {}) => ({
    node,
    way,
    fields: {
      ...fields,
      verdict,
      event_type: { type },
      ...(policies.length > 0 ? { [`${prefix}_${suffix}`]: policies } : {}),
      ...more,
    },
  });
  switch (hop.action) {
    case "accept": {
      const audited = outcome.reason?.startsWith("AUDITED") === true &&
        outcome.decidedAt === `${node} ${hop.hook}`;
      if (audited) return [judged("AUDIT", "denied_by")];
      return policies.length > 0 ? [judged("FORWARDED", "allowed_by")] : [];
    }
    case "proxy":
      return [judged("REDIRECTED", "allowed_by")];
    case "drop":
    case "reject":
      return dropped(seen, { fields, judged });
    default:
      return [];
  }
}

function dropped(
  { hop, way, node }: Seen,
  { fields, judged }: {
    readonly fields: FlowFields;
    readonly judged: (
      verdict: string,
      suffix: string,
      more?: FlowFields,
    ) => Event;
  },
): Event[] {
  const [name = ""] = hop.detail.split(",");
  const number = NUMBERS.get(name);
  const reason = {
    ...(number === undefined ? {} : { drop_reason: number }),
    drop_reason_desc: number === undefined ? "DROP_REASON_UNKNOWN" : name,
  };
  const event_type = {
    type: HUBBLE_EVENT.drop,
    ...(number === undefined ? {} : { sub_type: number }),
  };
  const verdict = "DROPPED";
  const drop = {
    node,
    way,
    fields: { ...fields, verdict, event_type, ...reason },
  };
  if (name === "POLICY_DENY") {
    return [judged(verdict, "denied_by", reason), drop];
  }
  // Denied for want of a rule: nobody denied it.
  if (name !== "POLICY_DENIED") return [drop];
  const { node: at, way: along, fields: all } = judged(verdict, "", reason);
  const nobody = Object.fromEntries(
    Object.entries(all).filter(([key]) => !key.endsWith("_")),
  );
  return [{ node: at, way: along, fields: nobody }, drop];
}

const NUMBERS = new Map(
  [...DROP_REASONS].map(([number, name]) => [name, number]),
);

/** The policy of the rule that a hop cites: rules are called by kind, namespace and name. */
function policiesOf({ rule }: Hop) {
  const [kind = "", name = ""] = (rule?.name ?? "").split(" ");
  if (!kind.endsWith("NetworkPolicy") || name === "") return [];
  const slash = name.indexOf("/");
  return [{
    name: name.slice(slash + 1),
    ...(slash < 0 ? {} : { namespace: name.slice(0, slash) }),
    kind,
  }];
}
