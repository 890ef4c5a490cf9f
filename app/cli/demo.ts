import { fileURLToPath } from "node:url";
import type { Divergence } from "../../core/diff/divergence.ts";
import { flowText } from "../../core/report/divergence_text.ts";
import { outcomeCell } from "../../core/report/outcome_text.ts";
import { type Palette, PLAIN } from "../../core/report/palette.ts";
import { decisions } from "../../core/report/report_model.ts";
import { formatPosition, type Rule } from "../../core/source.ts";
import { findScenarios, readScenario } from "../read_scenario.ts";
import { runScenario } from "../run.ts";
import { misuse, readArguments } from "./_arguments.ts";
import { type CommandResult, EXIT, printResult, runMain } from "./_exit.ts";
import { safeText, stdoutPalette } from "./_terminal.ts";

const COMMAND = "demo";

const USAGE = `Shows three known divergences, replayed while you look.

Usage: deno task demo

What there is beyond it: deno task scenario, deno task explain ID.

Example:
  deno task demo`;

const LIBRARY = fileURLToPath(new URL("../../scenarios", import.meta.url));

/** What is shown, and what to see in it. */
const SHOWN: readonly { readonly id: string; readonly about: string }[] = [
  {
    id: "D13",
    about:
      "A NetworkPolicy that nothing enforced for months bites on the day " +
      "that something does.",
  },
  {
    id: "D06",
    about: "ingress-nginx takes a path for the start of one, and for any " +
      "case; what comes after it does not.",
  },
  {
    id: "D05",
    about: "loadBalancerSourceRanges keeps pods out in one datapath, and is " +
      "not asked in the other.",
  },
];

/** The command `demo`. */
export async function demo(
  args: readonly string[],
  { palette = PLAIN }: { palette?: Palette } = {},
): Promise<CommandResult> {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: { help: { type: "boolean", short: "h", default: false } },
  });
  if (values.help) return { output: USAGE, exit: EXIT.ok };
  if (positionals.length > 0) throw misuse(COMMAND, "it takes no arguments");
  const startMs = performance.now();
  const files = findScenarios([LIBRARY]);
  const parts: string[] = [];
  let outcomes = 0;
  for (const { id, about } of SHOWN) {
    const file = files.find((path) => path.includes(`/${id}-`))!;
    const { report } = await runScenario(readScenario(file));
    outcomes += report.flows * report.stacks.length;
    const first = report.divergences.find((one) => one.id === id);
    parts.push(
      `${palette.strong(id)}  ${about}`,
      ...(first === undefined ? [] : sides(first.divergence, palette)),
      palette.dim(`    more: deno task explain ${id}`),
      "",
    );
  }
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  parts.push(
    `${outcomes} outcomes in ${seconds} s. Your own: deno task replay --help`,
  );
  return { output: safeText(parts.join("\n")), exit: EXIT.ok };
}

/** The flow, and what each stack makes of it by which rule. */
function sides(divergence: Divergence, palette: Palette): string[] {
  const { flow, left, right } = divergence;
  const rules = decisions(divergence);
  const width = Math.max(left.stack.length, right.stack.length);
  return [
    `    ${flowText(flow)}`,
    ...[left, right].flatMap(({ stack, outcome }, index) => {
      const good = outcome.verdict === "forwarded";
      const paint = good ? palette.good : palette.bad;
      const cell = outcomeCell(outcome);
      return [
        `    ${stack.padEnd(width)}  ${paint(cell)}`,
        ...ruleLines(rules[index]!.rule, cell)
          .map((line) => `    ${" ".repeat(width)}  ${line}`),
      ];
    }),
  ];
}

/** The rule unless the outcome names it already, and where it is written. */
function ruleLines(rule: Rule | null, cell: string): string[] {
  if (rule === null) return [];
  const name = cell.includes(rule.name) ? [] : [`by ${rule.name}`];
  if (rule.source === undefined) return name;
  const at = formatPosition(rule.source).replace(LIBRARY, "scenarios");
  return [...name, at];
}

if (import.meta.main) {
  await runMain(async (args) =>
    printResult(await demo(args, { palette: stdoutPalette() }))
  );
}
