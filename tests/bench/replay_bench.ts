import { type Event, type Tape } from "../../core/event.ts";
import { Replay } from "../../core/replay/engine.ts";
import type { Stack } from "../../core/replay/plugin.ts";
import { syntheticTape } from "./synthetic_cluster.ts";

/** Figures of one size of cluster and one stack. */
export interface ReplayFigures {
  readonly services: number;
  readonly pods: number;
  /** Seconds from the first control event until the first flow is done. */
  readonly compileS: number;
  /** Of the later rounds, sorted; a round is all flows once. */
  readonly flowsPerS: readonly number[];
}

const FLOWS = 100_000;
const ROUNDS = 5;

/** Replays the same flows several times over one compiled cluster, in outcome mode on one core. */
export function benchReplay(
  stack: Stack,
  services: number,
  { pods = Math.max(5_000, services), policies = 500 } = {},
): ReplayFigures {
  const tape = syntheticTape({
    services,
    pods,
    policies: Math.min(policies, services),
    nodes: 20,
  }, FLOWS);
  const control = tape.filter((event) => event.type !== "flow.opened");
  const flows = tape.slice(control.length);
  const run = new Replay(stack, { seed: 1, trace: "outcome" });
  const start = performance.now();
  for (const event of control) run.apply(event);
  run.apply(flows[0]!);
  const compileS = (performance.now() - start) / 1_000;
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    rounds.push(timedRound(run, flows, round));
  }
  const flowsPerS = rounds.slice(1).sort((a, b) => a - b);
  return { services, pods, compileS, flowsPerS };
}

function timedRound(run: Replay, flows: Tape, round: number): number {
  const shifted = flows.map((event): Event => ({
    ...event,
    timeNs: event.timeNs + (round + 1) * 1_000_000_000,
  }));
  const start = performance.now();
  for (const event of shifted) run.apply(event);
  return flows.length / ((performance.now() - start) / 1_000);
}
