import type { Divergence, DivergenceSide } from "../diff/divergence.ts";
import type { FlowIntent, Place } from "../replay/flow.ts";
import type { Hop } from "../replay/hop.ts";
import { ruleText } from "./journey_text.ts";
import { outcomeCell } from "./outcome_text.ts";
import { type Palette, PLAIN } from "./palette.ts";

/**
 * A divergence in a few lines: the flow, both outcomes, the fields that
 * differ, the first hop where the journeys part, and the rule that decided on
 * each side with its position.
 */
export function divergenceText(
  divergence: Divergence,
  palette: Palette = PLAIN,
): string {
  const { left, right, firstHop } = divergence;
  const width = Math.max(left.stack.length, right.stack.length);
  const lines = [
    `${palette.strong(flowText(divergence.flow))}  ${divergence.class}`,
    ...[left, right].map((side) =>
      `  ${side.stack.padEnd(width)}  ${outcomeCell(side.outcome)}`
    ),
    ...divergence.fields.map((difference) =>
      `  ${difference.field}: ${palette.bad(difference.left)} | ${
        palette.good(difference.right)
      }`
    ),
  ];
  if (firstHop !== null) {
    lines.push(
      `  journeys part after ${firstHop.common} equal hops`,
      `    ${left.stack.padEnd(width)}  ${hopText(firstHop.left)}`,
      `    ${right.stack.padEnd(width)}  ${hopText(firstHop.right)}`,
    );
  }
  for (const side of [left, right]) {
    lines.push(`  ${side.stack.padEnd(width)}  decided by ${decision(side)}`);
  }
  return lines.join("\n");
}

/** `pod/shop/web -> tcp://db.shop:5432`, or the request of an HTTP flow. */
export function flowText(flow: FlowIntent): string {
  const { application, to } = flow;
  const host = to.host.includes(":") ? `[${to.host}]` : to.host;
  const target = flow.protocol === "icmp"
    ? `icmp://${host}`
    : `${flow.protocol}://${host}:${to.port}`;
  const request = application.kind === "http"
    ? `  ${application.request.method} ${application.request.scheme}://${application.request.authority}${application.request.path}`
    : "";
  return `${placeText(flow.from)} -> ${target}${request}`;
}

/** The short form of a place. */
export function placeText(place: Place): string {
  switch (place.kind) {
    case "pod":
      return `pod/${place.namespace}/${place.name}`;
    case "node":
      return `node/${place.name}`;
    case "outside":
      return `ip/${place.ip}`;
  }
}

/** Place, hook and action of a hop in a few words. */
export function hopText(hop: Hop | null): string {
  if (hop === null) return "ends here";
  const where = `${hop.node ?? "outside"} ${hop.hook}`;
  return `${where} ${hop.action}${hop.detail === "" ? "" : ` (${hop.detail})`}`;
}

function decision(side: DivergenceSide): string {
  const rule = side.outcome.rule ?? side.decidedBy?.rule ?? null;
  if (rule !== null) return ruleText(rule);
  if (side.outcome.reason !== null) return side.outcome.reason;
  return side.decidedBy === null
    ? "no rule: nothing on this side objects"
    : hopText(side.decidedBy);
}
