import type { FlowIntent } from "../../core/replay/flow.ts";
import { flowText, placeText } from "../../core/report/divergence_text.ts";
import { journeyText, outcomeLine } from "../../core/report/journey_text.ts";
import { outcomeCell } from "../../core/report/outcome_text.ts";
import type { Palette } from "../../core/report/palette.ts";
import { syncText } from "../../core/report/sync_text.ts";
import type {
  Failure,
  JudgedDivergence,
  ScenarioReport,
} from "../../core/scenario/scenario_report.ts";
import type { ScenarioRun } from "../run.ts";
import { formatPosition } from "../../core/source.ts";
import { type KindCounts, kindsText } from "../unread_kinds.ts";
import { counted } from "./_terminal.ts";
import { type Totals, totalsOf } from "./_totals.ts";

/** How much of each scenario to show. */
export type Detail = "summary" | "normal" | "wide" | "detailed";

/** How to print. */
export interface ScenarioTextOptions {
  readonly detail: Detail;
  readonly palette: Palette;
}

/**
 * Scenarios on a screen: those that failed first, with what was expected and
 * what came; then a line each, and below it the first of each known
 * divergence.
 */
export function scenarioText(
  runs: readonly ScenarioRun[],
  { detail, palette }: ScenarioTextOptions,
): string {
  const failed = runs.filter(({ report }) => report.status === "failed");
  const others = runs.filter(({ report }) => report.status !== "failed");
  const lines = [...failed, ...others].flatMap((run) => [
    headLine(run.report, palette),
    ...(detail === "summary" ? [] : failureLines(run.report, palette)),
    ...(detail === "summary" ? [] : divergenceLines(run, detail)),
    ...(detail === "summary" ? [] : changeLines(run.report, detail)),
    ...(detail === "detailed" ? flowLines(run, palette) : []),
  ]);
  const reports = runs.map(({ report }) => report);
  lines.push("", totalsLine(totalsOf(reports)));
  const unread = kindsText(unreadOf(reports));
  if (unread !== "") lines.push(`not read by any stack: ${unread}`);
  const [first] = failed;
  if (first !== undefined && detail !== "detailed") {
    const command = `deno task scenario ${first.report.file} --detailed`;
    lines.push(palette.dim(`To see why: ${command}`));
  }
  return lines.join("\n");
}

function unreadOf(reports: readonly ScenarioReport[]): KindCounts {
  const counts = new Map<string, number>();
  for (const { unread } of reports) {
    for (const [kind, count] of Object.entries(unread)) {
      counts.set(kind, (counts.get(kind) ?? 0) + count);
    }
  }
  return Object.fromEntries(counts);
}

function headLine(report: ScenarioReport, palette: Palette): string {
  const { status, id, name, reason } = report;
  const mark = status === "passed"
    ? palette.good("ok  ")
    : status === "failed"
    ? palette.bad("FAIL")
    : palette.warn("-   ");
  const title = `${mark} ${(id ?? "").padEnd(4)}${palette.strong(name)}`;
  return status === "not run"
    ? `${title}  not run: ${reason}`
    : `${title}  ${facts(report).join(", ")}`;
}

function facts(report: ScenarioReport): string[] {
  const { flows, stacks, divergences, failures, unknowns } = report;
  const known = divergences.filter(({ expected }) => expected).length;
  return [
    `${counted(flows, "flow")} x ${counted(stacks.length, "stack")}`,
    known === 0 ? "" : `${known} differ as expected`,
    failures.length === 0 ? "" : counted(failures.length, "failure"),
    unknowns.length === 0 ? "" : `${unknowns.length} unknown`,
  ].filter((fact) => fact !== "");
}

/** What was expected and what came, at the place where it is expected. */
export function failureLines(
  report: ScenarioReport,
  palette: Palette,
): string[] {
  return report.failures.flatMap((failure) => [
    `     ${palette.strong(formatPosition(failure.at))}  ${failure.step ?? ""}`,
    `       ${failureText(failure, palette)}`,
  ]);
}

function failureText(failure: Failure, palette: Palette): string {
  const { kind, stack, field, expected, actual, count } = failure;
  const where = stack === null ? "" : `${stack}: `;
  const more = count > 1 ? `  (${count} flows)` : "";
  const said = KINDS[kind];
  return `${where}${said}${field}: expected ${palette.good(expected)}, got ${
    palette.bad(actual)
  }${more}`;
}

const KINDS: Readonly<Record<Failure["kind"], string>> = {
  "expectation": "",
  "divergence": "unexpected difference in ",
  "not shown": "missing difference ",
  "parity": "no parity in ",
  "unknown": "too many flows ",
  "cost": "too dear in ",
  "determinism": "not deterministic: ",
};

/** One line a divergence; unless asked for all, the first of each id that the scenario is about. */
function divergenceLines(run: ScenarioRun, detail: Detail): string[] {
  const { divergences, id } = run.report;
  if (detail !== "normal") {
    return divergences
      .map((one) => `     ${divergenceParts(one, run).join("  ")}`);
  }
  const groups = new Map<string, JudgedDivergence[]>();
  for (const one of divergences) {
    if (one.expected && id !== null && one.id !== id) continue;
    const key = one.expected
      ? `${one.id} ${one.divergence.right.stack}`
      : JSON.stringify([one.step, one.divergence.right.stack]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap(([first, ...rest]) => {
    const more = rest.length === 0 ? [] : [`+${rest.length} more`];
    return folded([...divergenceParts(first!, run), ...more]);
  });
}

/** Changes of a scenario that are shown unless all are asked for. */
const MOST_CHANGES = 4;

/** One line a step that changes something: what it makes a node write of what a full sync would. */
function changeLines(
  { id, changes }: ScenarioReport,
  detail: Detail,
): string[] {
  const told = changes.flatMap(({ step, stacks }) => {
    const cells = stacks.flatMap(({ stack, sync }) =>
      sync === null ? [] : [`${stack}=${syncText(sync)}`]
    );
    const wrote = stacks.some(({ sync }) => sync !== null && sync.nodes > 0);
    return wrote || detail !== "normal" ? [[step, ...cells]] : [];
  }).filter((parts) => parts.length > 1);
  const shown = detail === "normal" ? told.slice(0, MOST_CHANGES) : told;
  const more = told.length - shown.length;
  return [
    ...shown.flatMap(([step, ...cells]) =>
      folded([`${id ?? "own"} COST ${step}`, ...cells])
    ),
    ...(more === 0 ? [] : [`     +${more} more that change something`]),
  ];
}

/** Parts of a line, in as many lines as it takes them to fit a terminal. */
function folded(parts: readonly string[]): string[] {
  const lines: string[] = [];
  let line = "    ";
  for (const part of parts) {
    const joined = `${line}${line.trim() === "" ? " " : "  "}${part}`;
    if (joined.length <= WIDTH || line.trim() === "") line = joined;
    else {
      lines.push(line);
      line = `              ${part}`;
    }
  }
  return [...lines, line];
}

const WIDTH = 118;

/** `D05 DIFF pod/default/client -> tcp://1.2.3.4:80`, `kube-proxy=DROPPED(…)`, `cilium=FORWARDED(…)`, `hop 3/7`. */
function divergenceParts(
  { id, expected, divergence }: JudgedDivergence,
  run: ScenarioRun,
): string[] {
  const { left, right, firstHop, fields, flow } = divergence;
  const cells = [left, right].map(({ stack, outcome }) =>
    `${stack}=${outcomeCell(outcome)}`
  );
  const others = fields.filter(({ field }) => !IN_CELLS.has(field))
    .map(({ field, left, right }) => `${field} ${left} | ${right}`);
  const verdict = fields.some(({ field }) => field === "verdict");
  const hop = firstHop === null ? [] : [
    `hop ${firstHop.common + 1}/${hopCount(run, { flow: flow.id, firstHop })}`,
  ];
  const label = expected ? id ?? "own" : "NEW";
  return [
    `${label} DIFF ${shortFlow(flow)}`,
    ...cells,
    ...(verdict ? [] : others),
    ...hop,
  ];
}

/** A flow in as few words as tell it from others. */
function shortFlow(flow: FlowIntent): string {
  const { from, to, application } = flow;
  if (application.kind !== "http") return flowText(flow);
  const { method, scheme, authority, path } = application.request;
  const address = authority.startsWith(to.host) ? "" : ` at ${to.host}`;
  return `${
    placeText(from)
  } -> ${method} ${scheme}://${authority}${path}${address}`;
}

/** Fields that the short form of an outcome shows. */
const IN_CELLS: ReadonlySet<string> = new Set(["verdict", "backend", "status"]);

/** Visible hops of the longer of the two journeys. */
function hopCount(
  { runs }: ScenarioRun,
  { flow, firstHop }: { flow: string; firstHop: { common: number } },
): number {
  const counts = runs.flatMap(({ results }) => results)
    .filter((result) => result.flow.id === flow)
    .map(({ journey }) =>
      journey.filter(({ action }) => action !== "accept" && action !== "bypass")
        .length
    );
  return Math.max(firstHop.common + 1, ...counts);
}

function flowLines({ runs }: ScenarioRun, palette: Palette): string[] {
  const [first] = runs;
  return (first?.results ?? []).flatMap(({ flow }, index) => [
    "",
    `     ${palette.strong(flow.id)}  ${flowText(flow)}`,
    ...runs.flatMap(({ stack, results }) => {
      const { outcome, journey } = results[index]!;
      const hops = journeyText(journey, { detail: "normal", palette });
      return [
        `     ${stack}  ${outcomeLine(outcome, palette)}`,
        ...hops.split("\n").map((line) => `     ${line}`),
      ];
    }),
  ]);
}

function totalsLine(totals: Totals): string {
  const { scenarios, passed, failed, notRun } = totals;
  const parts = [
    `${passed} passed`,
    failed === 0 ? "" : `${failed} failed`,
    notRun === 0 ? "" : `${notRun} not run`,
  ].filter((part) => part !== "");
  return `${counted(scenarios, "scenario")}: ${parts.join(", ")}; ${
    counted(totals.flows, "outcome")
  }, ${totals.expected} differ as expected, ${totals.unexpected} unexpectedly, ${totals.unknown} unknown`;
}
