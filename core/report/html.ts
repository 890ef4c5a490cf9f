import type { Hop } from "../replay/hop.ts";
import { HTML_STYLE } from "./_html_style.ts";
import {
  alignedJourneys,
  type JourneyRow,
  type JourneyStep,
} from "./aligned_journeys.ts";
import { flowText, hopText } from "./divergence_text.ts";
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
import { outcomeParts } from "./outcome_text.ts";
import { visibleText } from "./visible_text.ts";

const LEVELS: Readonly<Record<Level, string>> = {
  error: "Error",
  warning: "Warning",
  note: "As expected",
};

/**
 * One HTML file that needs nothing else: no script, no font, no network.
 * Every cause has its fields, both rules with their positions and, where it
 * was traced, both journeys side by side with the hop where they part.
 */
export function htmlReport(report: ReportModel): string {
  const title = `Plumbline: ${report.title}`;
  return [
    "<!DOCTYPE html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${text(title)}</title>`,
    `<style>\n${HTML_STYLE}\n</style>`,
    "</head>",
    "<body>",
    `<header><h1>${text(title)}</h1>`,
    `<p>${text(totalsText(report))}</p>`,
    ...report.notes.map((note) => `<p class="note">${text(note)}</p>`),
    "</header>",
    `<nav aria-label="Replays">${summaryTable(report)}</nav>`,
    "<main>",
    ...report.sections.map((section, index) =>
      sectionHtml(section, { index, root: report.root })
    ),
    "</main>",
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

function summaryTable({ sections }: ReportModel): string {
  const rows = sections.map((section, index) => {
    const { id, name, status, stacks, flows, unknowns } = section;
    const { expected, unexpected } = differing(section);
    const numbers = [flows, expected, unexpected, flowsOf(unknowns)];
    const title = id === null ? name : `${id} ${name}`;
    return [
      `<tr><th scope="row"><a href="#s${index + 1}">${text(title)}</a></th>`,
      `<td>${statusHtml(status)}</td>`,
      `<td>${stacks.map(text).join(", ")}</td>`,
      ...numbers.map((number) => `<td class="number">${number}</td>`),
      "</tr>",
    ].join("");
  });
  const heads = [
    "Replay",
    "Result",
    "Stacks",
    "Flows",
    "Differ as expected",
    "Differ otherwise",
    "Unknown",
  ];
  return tableHtml({ caption: "What was replayed", heads, rows });
}

function statusHtml(status: ReportSection["status"]): string {
  const name = status === "failed"
    ? "error"
    : status === "passed"
    ? "note-level"
    : "warning";
  return `<span class="${name}">${status}</span>`;
}

interface Around {
  readonly root: string;
}

function sectionHtml(
  section: ReportSection,
  { index, root }: Around & { index: number },
): string {
  const { id, name, status, reason, at, failures, unknowns } = section;
  const { changes } = section;
  const title = id === null ? name : `${id} ${name}`;
  const place = at === null ? "" : ` ${code(positionText(at, root))}`;
  return [
    `<section aria-labelledby="s${index + 1}">`,
    `<h2 id="s${index + 1}">${text(title)}</h2>`,
    `<p>${statusHtml(status)}${reason === null ? "" : `: ${text(reason)}`}${
      place === "" ? "" : `, ${place}`
    }</p>`,
    ...(failures.length === 0 ? [] : [
      "<h3>Not as it was said to be</h3>",
      "<ul>",
      ...failures.map((failure) => {
        const where = failure.at === null
          ? ""
          : ` ${code(positionText(failure.at, root))}`;
        return `<li class="${failure.level}">${
          text(failureText(failure))
        }${where}</li>`;
      }),
      "</ul>",
    ]),
    ...section.causes.map((cause) => causeHtml(cause, { section, root })),
    ...(changes.length === 0 ? [] : [
      "<h3>What changes write on a node, of a full sync</h3>",
      "<ul>",
      ...changes.map(({ step, stacks }) =>
        `<li>${text(step)}: ${
          stacks.map(({ stack, written }) => code(`${stack}=${written}`))
            .join(", ")
        }</li>`
      ),
      "</ul>",
    ]),
    ...(unknowns.length === 0 ? [] : [
      "<h3>Not modelled</h3>",
      "<ul>",
      ...unknowns.map(({ stack, reason, count }) =>
        `<li>${text(stack)}: ${text(reason)} (${count} flows)</li>`
      ),
      "</ul>",
    ]),
    "</section>",
  ].join("\n");
}

function causeHtml(
  one: ReportCause,
  { section, root }: Around & { section: ReportSection },
): string {
  const { cause, why, step } = one;
  const { witness } = cause;
  const level = causeLevel(one);
  const about = [
    one.class,
    `${cause.count} of ${section.flows} flows`,
    ...(step === null ? [] : [`step ${step}`]),
  ];
  return [
    "<article>",
    `<h3><span class="${level === "note" ? "note-level" : level}">${
      LEVELS[level]
    }:</span> ${text(causeTitle(one))}</h3>`,
    `<p>${code(causeId(one))} ${text(about.join(", "))}. First seen in ${
      code(flowText(witness.flow))
    }.</p>`,
    ...(why === null ? [] : [`<p>${text(why)}</p>`]),
    fieldsTable(one, root),
    journeysTable(one, root),
    "</article>",
  ].join("\n");
}

function fieldsTable({ cause }: ReportCause, root: string): string {
  const { left, right, fields } = cause.witness;
  const row = (name: string, cells: readonly string[]) =>
    `<tr><th scope="row">${name}</th>${
      cells.map((cell) => `<td>${cell}</td>`).join("")
    }</tr>`;
  const rules = decisions(cause.witness).map(({ name, rule }) => {
    const source = rule?.source;
    return [
      code(name),
      source === undefined
        ? ""
        : `<span class="rule">${code(positionText(source, root))}</span>`,
      rule?.text === undefined
        ? ""
        : `<span class="rule">${code(rule.text)}</span>`,
    ].join("");
  });
  return tableHtml({
    caption: "What differs, and the rules that decided",
    heads: ["", left.stack, right.stack],
    rows: [
      ...fields.map(({ field, left, right }) =>
        row(text(field), [code(left), code(right)])
      ),
      row("Decided by", rules),
      row(
        "Outcome",
        [left, right].map(({ outcome }) =>
          text([outcome.verdict, ...outcomeParts(outcome)].join(", "))
        ),
      ),
    ],
  });
}

function journeysTable(
  { cause, journeys }: ReportCause,
  root: string,
): string {
  const { left, right, firstHop } = cause.witness;
  if (firstHop === null) return "";
  const heads = ["Hop", left.stack, right.stack];
  if (journeys === null) {
    const rows = [
      `<tr class="parts"><th scope="row">${
        firstHop.common + 1
      }, part here</th>${
        [firstHop.left, firstHop.right].map((hop) =>
          `<td class="hop">${text(hopText(hop))}</td>`
        ).join("")
      }</tr>`,
    ];
    return tableHtml({ caption: "Where the journeys part", heads, rows });
  }
  const rows = alignedJourneys(journeys.left, journeys.right, firstHop)
    .map((row, index) => journeyRow(row, { number: index + 1, root }));
  const caption =
    `Journeys; they part after ${firstHop.common} equal hops, at the row marked so`;
  return tableHtml({ caption, heads, rows, name: "journeys" });
}

function journeyRow(
  { left, right, state }: JourneyRow,
  { number, root }: Around & { number: number },
): string {
  const head = state === "parts" ? `▶ ${number}, part here` : `${number}`;
  return `<tr class="${state}"><th scope="row">${head}</th>${
    [left, right].map((step) =>
      `<td class="hop">${stepHtml(step, { root, state })}</td>`
    ).join("")
  }</tr>`;
}

function stepHtml(
  step: JourneyStep | null,
  { root, state }: Around & { state: JourneyRow["state"] },
): string {
  if (step === null) return state === "parts" ? "ends here" : "";
  const passed = step.passed.map((hop) =>
    `<span class="rule">${text(hopText(hop))}${ruleHtml(hop, root)}</span>`
  );
  if (step.hop === null) return passed.join("");
  const back = step.hop.direction === "reply" ? "reply: " : "";
  const proxied = "↳ ".repeat(step.hop.depth);
  return [
    ...passed,
    text(`${proxied}${back}${hopText(step.hop)}`),
    step.hop.rule === null
      ? ""
      : `<span class="rule">by${ruleHtml(step.hop, root)}</span>`,
    `<span class="rule">${text(step.hop.packet)}</span>`,
  ].join("");
}

function ruleHtml({ rule }: Hop, root: string): string {
  if (rule === null) return "";
  const place = rule.source === undefined
    ? ""
    : `, ${positionText(rule.source, root)}`;
  return ` ${text(`${rule.name}${place}`)}`;
}

function tableHtml(
  { caption, heads, rows, name }: {
    readonly caption: string;
    readonly heads: readonly string[];
    /** HTML. */
    readonly rows: readonly string[];
    readonly name?: string;
  },
): string {
  return [
    name === undefined ? "<table>" : `<table class="${name}">`,
    `<caption>${text(caption)}</caption>`,
    `<thead><tr>${
      heads.map((head) =>
        head === "" ? "<td></td>" : `<th scope="col">${text(head)}</th>`
      ).join("")
    }</tr></thead>`,
    "<tbody>",
    ...rows,
    "</tbody>",
    "</table>",
  ].join("\n");
}

/** Text of any origin, for content and for attributes in double quotes. */
function text(value: string): string {
  return escapeXml(visibleText(value));
}

function code(value: string): string {
  return `<code>${text(value)}</code>`;
}
