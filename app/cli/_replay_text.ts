import { divergenceText, flowText } from "../../core/report/divergence_text.ts";
import type { Palette } from "../../core/report/palette.ts";
import { kindsText } from "../unread_kinds.ts";
import type { RecordingResult } from "./_replay_formats.ts";
import { counted } from "./_terminal.ts";

/**
 * A compared recording on a screen: for each stack what changes, grouped by
 * cause, with the first flow of each; then where stacks disagree with the
 * recording, and what is not known.
 */
export function recordingText(
  { comparison, warnings, unread, nondeterministic }: RecordingResult,
  palette: Palette,
): string {
  const { flows, baseline, comparisons, disagreements, unknowns } = comparison;
  const lines: string[] = [];
  if (comparisons.length === 0) {
    lines.push(palette.strong(`${baseline}: ${counted(flows, "flow")}`), "");
  }
  for (const { stack, changed, causes } of comparisons) {
    const change = `${changed} of ${counted(flows, "flow")} change`;
    const why = changed === 0 ? "" : `, ${counted(causes.length, "cause")}`;
    lines.push(palette.strong(`${baseline} -> ${stack}: ${change}${why}`));
    for (const { count, witness } of causes) {
      const [first = "", ...rest] = divergenceText(witness, palette)
        .split("\n");
      lines.push("", `  ${count} x ${first}`);
      lines.push(...rest.map((line) => `      ${line}`));
    }
    lines.push("");
  }
  if (disagreements.length > 0) {
    lines.push(palette.strong("Against the recording"));
    for (const { stack, recorded, simulated, count, first } of disagreements) {
      lines.push(
        `  ${count} x recorded ${recorded}, ${stack} says ${simulated}`,
        `      first: ${flowText(first.flow)}  ${first.at}`,
      );
    }
    lines.push("");
  }
  for (const { stack, reason, count } of unknowns) {
    lines.push(`unknown: ${counted(count, "flow")} in ${stack}: ${reason}`);
  }
  for (const warning of warnings) lines.push(`note: ${warning}`);
  const kinds = kindsText(unread);
  if (kinds !== "") lines.push(`not read by any stack: ${kinds}`);
  lines.push(...nondeterministic.map((one) => palette.bad(one)));
  if (lines.at(-1) === "") lines.pop();
  return lines.join("\n");
}
