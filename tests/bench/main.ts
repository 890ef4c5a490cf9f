/**
 * `deno task bench [--only NAME]`: speed of the log, of the replay on both
 * stacks, of a cold start, of the API and, with root, of the kernel; medians over several runs, with the
 * machine's name and the version of Deno.
 */
import { parseArgs } from "node:util";
import { print } from "../../app/cli/_exit.ts";
import { loadStack, stackNamed } from "../../app/load_stack.ts";
import { benchApi } from "./api_bench.ts";
import { benchKernel } from "./kernel_bench.ts";
import { benchLog } from "./log_bench.ts";
import { benchReplay, firstPacketNs } from "./replay_bench.ts";
import { benchStart } from "./start_bench.ts";

const SERVICES = [10, 100, 1_000, 10_000];
const STACKS = ["kube-proxy", "cilium"];

const { values } = parseArgs({
  args: [...Deno.args],
  options: { only: { type: "string", default: "" } },
});

print(`${Deno.hostname()}, ${cpuModel()}, Deno ${Deno.version.deno}`);
if ("log".includes(values.only)) benchLog();
if ("replay".includes(values.only)) await replayTable();
if ("start".includes(values.only)) await benchStart();
if ("api".includes(values.only)) await benchApi();
if ("kernel".includes(values.only)) {
  const stack = await loadStack(stackNamed("kube-proxy"));
  benchKernel({ pluginNs: (services) => firstPacketNs(stack, services) });
}

async function replayTable(): Promise<void> {
  print("\nreplay, outcome mode, one core, flows/s: median (min to max)");
  for (const name of STACKS) {
    const stack = await loadStack(stackNamed(name));
    for (const services of SERVICES) {
      const figures = benchReplay(stack, services);
      const { flowsPerS, compileS } = figures;
      const [low, middle, high] = [
        flowsPerS[0]!,
        flowsPerS[flowsPerS.length >> 1]!,
        flowsPerS.at(-1)!,
      ].map((value) => Math.round(value).toLocaleString("en"));
      print(
        `  ${name.padEnd(12)} ${`${services}`.padStart(6)} services  ${
          middle!.padStart(9)
        }  (${low} to ${high})  compiled in ${compileS.toFixed(2)} s`,
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
