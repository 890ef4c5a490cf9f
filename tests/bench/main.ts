/**
 * `deno task bench [--only NAME]`: speed of the log, of the replay on both
 * stacks, of a cold start, of the API and, with root, of the kernel; medians over several runs, with the
 * machine's name and the version of Deno.
 */
import { choice, readArguments } from "../../app/cli/_arguments.ts";
import { print, runMain } from "../../app/cli/_exit.ts";
import { loadStack, stackNamed } from "../../app/load_stack.ts";
import { benchApi } from "./api_bench.ts";
import { benchKernel } from "./kernel_bench.ts";
import { benchLog } from "./log_bench.ts";
import { benchReplay } from "./replay_bench.ts";
import { benchStart } from "./start_bench.ts";

const SIZES = [
  { services: 10 },
  { services: 100 },
  { services: 1_000 },
  { services: 10_000 },
  { services: 10_000, pods: 100_000 },
];
const STACKS = ["kube-proxy", "cilium"];

const COMMAND = "bench";
const PARTS = ["log", "replay", "start", "api", "kernel"] as const;

const USAGE =
  `Measures speed: medians over several runs, each of its kind in one process.

Usage: deno task bench [options]

  --only PART     one of ${PARTS.join(", ")}; all when left out
                  (kernel needs root)
  -h, --help      this text`;

async function main(args: readonly string[]): Promise<number> {
  const { values } = readArguments(args, {
    command: COMMAND,
    options: {
      only: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    print(USAGE);
    return 0;
  }
  const parts = values.only === undefined
    ? PARTS
    : [choice(values.only, { name: "--only", words: PARTS, command: COMMAND })];
  print(`${Deno.hostname()}, ${cpuModel()}, Deno ${Deno.version.deno}`);
  for (const part of parts) await BENCHES[part]();
  return 0;
}

const BENCHES: Readonly<
  Record<typeof PARTS[number], () => void | Promise<void>>
> = {
  log: benchLog,
  replay: replayTable,
  start: benchStart,
  api: benchApi,
  kernel: benchKernel,
};

async function replayTable(): Promise<void> {
  print("\nreplay, outcome mode, one core, flows/s: median (min to max)");
  for (const name of STACKS) {
    const stack = await loadStack(stackNamed(name));
    for (const { services, ...more } of SIZES) {
      const figures = benchReplay(stack, services, more);
      const { flowsPerS, compileS } = figures;
      const [low, middle, high] = [
        flowsPerS[0]!,
        flowsPerS[flowsPerS.length >> 1]!,
        flowsPerS.at(-1)!,
      ].map((value) => Math.round(value).toLocaleString("en"));
      print(
        `  ${name.padEnd(12)} ${`${services}`.padStart(6)} services ${
          `${figures.pods}`.padStart(7)
        } pods  ${middle!.padStart(9)}  (${low} to ${high})  compiled in ${
          compileS.toFixed(2)
        } s`,
      );
    }
  }
}

function cpuModel(): string {
  try {
    const text = Deno.readTextFileSync("/proc/cpuinfo");
    return /^model name\s*:\s*(.*)$/m.exec(text)?.[1] ?? "unknown processor";
  } catch {
    return "unknown processor";
  }
}

if (import.meta.main) await runMain(main);
