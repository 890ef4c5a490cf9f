import { Cluster } from "../../core/cluster/cluster.ts";
import { scenarioTape } from "../../core/scenario/scenario_tape.ts";
import { flowMetrics } from "../../plugins/ebpf/observe/flow_metrics.ts";
import {
  type HubbleLineOut,
  HubbleObserver,
} from "../../plugins/ebpf/observe/hubble_flows.ts";
import { openStack } from "../open_stack.ts";
import { readRecordings } from "../read_recordings.ts";
import { findScenarios, readScenario } from "../read_scenario.ts";
import { stacksOf } from "../run.ts";
import { choice, misuse, readArguments, wholeNumber } from "./_arguments.ts";
import { type CommandResult, EXIT, print, runMain } from "./_exit.ts";
import { safeText } from "./_terminal.ts";

const COMMAND = "observe";

const USAGE = `Replays a scenario through one stack and prints what Hubble would
have recorded of it.

Usage: deno task observe SCENARIO [options]

  --stack NAME       one of the scenario's stacks, or a preset (cilium)
  -o FORMAT          flows: lines as hubble observe -o jsonpb prints them;
                     metrics: Prometheus text
  --start MS         when the tape begins, in ms since 1970 (0)

Examples:
  deno task observe scenarios/D13-flannel-never-enforced --stack cilium
  deno task observe scenario.yaml -o metrics`;

const FORMATS = ["flows", "metrics"] as const;
const NS_PER_MS = 1_000_000n;

/** The command `observe`. */
export async function observe(args: readonly string[]): Promise<CommandResult> {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: {
      stack: { type: "string", default: "cilium" },
      output: { type: "string", short: "o", default: "flows" },
      start: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return { output: USAGE, exit: EXIT.ok };
  const [path, ...rest] = positionals;
  if (path === undefined || rest.length > 0) {
    throw misuse(COMMAND, "it takes one scenario");
  }
  const format = choice(values.output, {
    name: "-o",
    words: FORMATS,
    command: COMMAND,
  });
  const startMs = wholeNumber(values.start, {
    name: "--start",
    max: Number.MAX_SAFE_INTEGER,
    command: COMMAND,
  }) ?? 0;
  const lines = await linesOf(path, {
    stack: values.stack,
    startNs: BigInt(startMs) * NS_PER_MS,
  });
  const output = format === "metrics"
    ? flowMetrics(lines).trimEnd()
    : lines.map((line) => JSON.stringify(line)).join("\n");
  return { output, exit: EXIT.ok };
}

/** What Hubble would have recorded, event by event. */
async function linesOf(
  path: string,
  { stack: name, startNs }: {
    readonly stack: string;
    readonly startNs: bigint;
  },
): Promise<HubbleLineOut[]> {
  const [file, ...others] = findScenarios([path]);
  if (file === undefined || others.length > 0) {
    throw misuse(COMMAND, `${path} has ${others.length + 1} scenarios in it`);
  }
  const scenario = readScenario(file);
  const recordings = await readRecordings(scenario);
  const { tape } = scenarioTape(scenario, { recordings });
  const [choice] = stacksOf(scenario, [name]);
  const stack = await openStack(choice!);
  await using replay = await stack.start({
    seed: scenario.seed,
    trace: "full",
  });
  const cluster = new Cluster();
  const lines: HubbleLineOut[] = [];
  for (const event of tape) {
    if (event.type !== "flow.opened") cluster.apply(event);
    for (const result of await replay.apply([event])) {
      lines.push(...new HubbleObserver(cluster, { startNs }).linesOf(result));
    }
  }
  return lines;
}

if (import.meta.main) {
  await runMain(async (args) => {
    const { output, exit } = await observe(args);
    print(safeText(output));
    return exit;
  });
}
