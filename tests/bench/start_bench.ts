import { print } from "../../app/cli/_exit.ts";

const RUNS = 7;

/** Time from starting the command to its end on one small scenario, with a warm cache. */
export async function benchStart(
  scenario = "scenarios/D13-flannel-never-enforced",
): Promise<void> {
  const times: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const start = performance.now();
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "scenario", scenario],
      stdout: "null",
      stderr: "null",
    }).output();
    if (code !== 0) {
      print(`start: not measured, the scenario exits with ${code}`);
      return;
    }
    if (run > 0) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  print(
    `\nstart to end of one small scenario: ${
      Math.round(times[times.length >> 1]!)
    } ms (${Math.round(times[0]!)} to ${Math.round(times.at(-1)!)})`,
  );
}
