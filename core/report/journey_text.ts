import type { Hop, Journey } from "../replay/hop.ts";
import type { Outcome } from "../replay/outcome.ts";
import { formatPosition, type Rule } from "../source.ts";
import { outcomeParts } from "./outcome_text.ts";
import { type Palette, PLAIN } from "./palette.ts";

/** How much of a journey to show, as `ovn-trace` has it. */
export type Detail = "summary" | "normal" | "detailed";

/** How to print. */
export interface JourneyTextOptions {
  readonly detail?: Detail;
  readonly palette?: Palette;
  /** A hop to point at, such as the first that differs. */
  readonly marked?: Hop | null;
}

const QUIET: ReadonlySet<Hop["action"]> = new Set(["accept", "bypass"]);

/**
 * A journey as numbered lines: place and hook, who acted, what it did, and
 * the rule with its position. `summary` leaves out rules and what changed
 * nothing; `detailed` adds the packet after each hop and the rules' own text.
 */
export function journeyText(
  journey: Journey,
  {
    detail = "normal",
    palette = PLAIN,
    marked = null,
  }: JourneyTextOptions = {},
): string {
  const lines: string[] = [];
  let reply = false;
  for (const [index, hop] of journey.entries()) {
    const shown = detail === "detailed" || !QUIET.has(hop.action) ||
      (detail === "normal" && hop.rule !== null);
    if (!shown) continue;
    if (hop.direction === "reply" && !reply) {
      if (detail === "summary") break;
      lines.push(palette.dim("    reply"));
    }
    reply = hop.direction === "reply";
    const mark = hop === marked ? palette.strong(">") : " ";
    const number = `${index + 1}`.padStart(2);
    lines.push(`${mark} ${number} ${hopLine(hop, palette)}`);
    if (detail !== "summary") lines.push(...ruleLines(hop, detail, palette));
  }
  return lines.join("\n");
}

/** What became of the flow in one line. */
export function outcomeLine(
  outcome: Outcome,
  palette: Palette = PLAIN,
): string {
  const { verdict } = outcome;
  const colour = verdict === "forwarded"
    ? palette.good
    : verdict === "unknown"
    ? palette.warn
    : palette.bad;
  return [colour(verdict.toUpperCase()), ...outcomeParts(outcome)]
    .join("  ");
}

function hopLine(hop: Hop, palette: Palette): string {
  const where = [
    "  ".repeat(hop.depth),
    (hop.node ?? "outside").padEnd(8),
    " ",
    hop.hook.padEnd(12),
  ].join("");
  const action = hop.action === "drop" || hop.action === "reject"
    ? palette.bad(hop.action)
    : hop.action === "unknown"
    ? palette.warn(hop.action)
    : hop.action;
  const by = hop.plugin === null ? "" : palette.dim(` [${hop.plugin}]`);
  return `${where} ${action}${hop.detail === "" ? "" : `: ${hop.detail}`}${by}`;
}

function ruleLines(hop: Hop, detail: Detail, palette: Palette): string[] {
  const indent = " ".repeat(8) + "  ".repeat(hop.depth);
  const lines: string[] = [];
  if (hop.rule !== null) {
    lines.push(`${indent}by ${ruleText(hop.rule)}`);
    if (detail === "detailed" && hop.rule.text !== undefined) {
      lines.push(palette.dim(`${indent}   ${hop.rule.text}`));
    }
  }
  if (detail === "detailed") {
    lines.push(palette.dim(`${indent}${hop.packet}`));
  }
  return lines;
}

/** A rule with the place it is written. */
export function ruleText(rule: Rule): string {
  return rule.source === undefined
    ? rule.name
    : `${rule.name}  ${formatPosition(rule.source)}`;
}
