import { flowText, hopText } from "./divergence_text.ts";
import { journeyText } from "./journey_text.ts";
import { escapeXml } from "./junit.ts";
import {
  causeId,
  causeLevel,
  causeTitle,
  decisions,
  differing,
  failureText,
  flowsOf,
  type Level,
  positionText,
  type ReportCause,
  type ReportModel,
  type ReportSection,
  totalsText,
} from "./report_model.ts";
import { visibleText } from "./visible_text.ts";

/** A comment holds 65,536 characters (GitHub's `body is too long`); some are left for whoever wraps this. */
const MOST_CHARACTERS = 60_000;

const MARKS: Readonly<Record<Level, string>> = {
  error: "❌",
  warning: "⚠️",
  note: "✔️",
};

const ORDER: readonly Level[] = ["error", "warning", "note"];

/**
 * A comment for a pull request: a table of what ran, what is not as it was
 * said to be, and each cause with its first witness, the gravest first. Text
 * of inputs stands in code spans and fences only, so that it can neither
 * format, link nor mention.
 */
export function markdownReport(report: ReportModel): string {
  const shown = report.sections.filter(({ status }) => status !== "passed");
  const passed = report.sections.filter(({ status }) => status === "passed");
  const head = [
    `## ${shown.some(isFailed) ? MARKS.error : MARKS.note} Plumbline`,
    "",
    `${code(report.title)}: ${totalsText(report)}`,
    ...report.notes.map((note) => `\n> ${code(note)}`),
    "",
    ...table([...shown, ...passed]),
    ...failureList(report),
    ...changeTable(report),
  ];
  const causes = report.sections
    .flatMap((section) => section.causes.map((one) => ({ one, section })))
    .map((cause) => ({ ...cause, level: causeLevel(cause.one) }));
  const sorted = ORDER.flatMap((level) =>
    causes.filter((cause) => cause.level === level)
  );
  return withinLimit(
    head,
    sorted.map((cause) => causeDetails(cause, report.root)),
  );
}

function isFailed({ status }: ReportSection): boolean {
  return status === "failed";
}

/** As many of the details as there is room for. */
function withinLimit(
  head: readonly string[],
  details: readonly string[],
): string {
  let text = head.join("\n");
  if (text.length > MOST_CHARACTERS) {
    const end = text.lastIndexOf("\n", MOST_CHARACTERS);
    text = `${text.slice(0, end)}\n\nMore is left out.`;
  }
  for (const [index, one] of details.entries()) {
    if (text.length + one.length > MOST_CHARACTERS) {
      return `${text}\n\n${details.length - index} more causes are left out.\n`;
    }
    text += `\n\n${one}`;
  }
  return `${text}\n`;
}

function table(sections: readonly ReportSection[]): string[] {
  return [
    "| | Replay | Stacks | Flows | Expected | Other | Unknown |",
    "|---|---|---|--:|--:|--:|--:|",
    ...sections.map((section) => {
      const { id, name, status, stacks, flows, unknowns } = section;
      const { expected, unexpected } = differing(section);
      const mark = status === "failed"
        ? MARKS.error
        : status === "passed"
        ? MARKS.note
        : "➖";
      const title = id === null ? code(name) : `${code(id)} ${code(name)}`;
      const cells = [
        `${mark} ${status}`,
        status === "not run"
          ? `${title}: ${code(section.reason ?? "")}`
          : title,
        stacks.map(code).join(", "),
        flows,
        expected,
        unexpected,
        flowsOf(unknowns),
      ];
      return `| ${cells.map((cell) => inCell(`${cell}`)).join(" | ")} |`;
    }),
  ];
}

function failureList({ sections, root }: ReportModel): string[] {
  const items = sections.flatMap((section) =>
    section.failures.map((failure) => {
      const at = failure.at ?? section.at;
      const place = at === null ? "" : ` at ${code(positionText(at, root))}`;
      return `- ${MARKS[failure.level]} ${code(section.name)}${place}: ${
        code(failureText(failure))
      }`;
    })
  );
  return items.length === 0
    ? []
    : ["", "### Not as it was said to be", "", ...items];
}

function changeTable({ sections }: ReportModel): string[] {
  const rows = sections.flatMap(({ changes, name }) =>
    changes.map(({ step, stacks }) => {
      const cells = [
        code(name),
        code(step),
        stacks.map(({ stack, written }) => code(`${stack}=${written}`))
          .join(", "),
      ];
      return `| ${cells.map(inCell).join(" | ")} |`;
    })
  );
  return rows.length === 0 ? [] : [
    "",
    "### What changes write on a node, of a full sync",
    "",
    "| Replay | Change | Written |",
    "|---|---|---|",
    ...rows,
  ];
}

function causeDetails(
  { one, section, level }: {
    one: ReportCause;
    section: ReportSection;
    level: Level;
  },
  root: string,
): string {
  const { cause, journeys, why } = one;
  const { witness } = cause;
  const { left, right, firstHop } = witness;
  const title = [
    MARKS[level],
    inHtml(causeId(one)),
    inHtml(causeTitle(one)),
    `— ${cause.count} of ${section.flows} flows, ${one.class}`,
  ].join(" ");
  const rules = decisions(witness).map(({ stack, name, rule }) => {
    const place = rule?.source === undefined
      ? ""
      : ` at ${code(positionText(rule.source, root))}`;
    return `- ${code(stack)} decides by ${code(name)}${place}`;
  });
  const hops = firstHop === null ? [] : [
    `- after ${firstHop.common} equal hops: ${code(hopText(firstHop.left))} | ${
      code(hopText(firstHop.right))
    }`,
  ];
  const traced = journeys === null ? [] : [left, right].flatMap((side) => [
    "",
    fence(
      `${side.stack}\n${
        journeyText(side === left ? journeys.left : journeys.right, {
          marked: (side === left ? firstHop?.left : firstHop?.right) ?? null,
        })
      }`,
    ),
  ]);
  return [
    `<details><summary>${title}</summary>`,
    "",
    `In ${code(section.name)}${
      one.step === null ? "" : `, step ${code(one.step)}`
    }, first seen in ${code(flowText(witness.flow))}:`,
    "",
    ...witness.fields.map(({ field, left, right }) =>
      `- ${field}: ${code(left)} | ${code(right)}`
    ),
    ...rules,
    ...hops,
    ...(why === null ? [] : ["", `Documented: ${code(why)}`]),
    ...traced,
    "",
    "</details>",
  ].join("\n");
}

/** A code span that no text can end (CommonMark 6.1). */
function code(text: string): string {
  const shown = visibleText(text).trim();
  if (shown === "") return "";
  const fence = "`".repeat(longestRun(shown) + 1);
  const pad = shown.startsWith("`") || shown.endsWith("`") ? " " : "";
  return `${fence}${pad}${shown}${pad}${fence}`;
}

/** A fenced block that no text can end (CommonMark 4.5). */
function fence(text: string): string {
  const lines = text.split("\n").map((line) => visibleText(line).trimEnd());
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return [fence + "text", ...lines, fence].join("\n");
}

function longestRun(text: string): number {
  let longest = 0;
  for (const [run] of text.matchAll(/`+/g)) {
    longest = Math.max(longest, run.length);
  }
  return longest;
}

/** Pipes end a cell, even in a code span (GFM 4.10). */
function inCell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** In an HTML block nothing is Markdown; code keeps GitHub from linking names. */
function inHtml(text: string): string {
  return `<code>${escapeXml(visibleText(text))}</code>`;
}
