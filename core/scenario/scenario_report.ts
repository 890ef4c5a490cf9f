import type { Divergence } from "../diff/divergence.ts";
import type { FlowResult, ReplayResult } from "../replay/engine.ts";
import type { SyncOutcome } from "../replay/sync.ts";
import type { Basis, SourcePosition } from "../source.ts";
import type { Step } from "./scenario.ts";
import type { TapeChange } from "./scenario_tape.ts";

/** What one stack made of the scenario. */
export interface StackRun extends ReplayResult {
  readonly stack: string;
  /** What each change made it write; left out where nobody asked. */
  readonly syncs?: readonly (SyncOutcome | null)[];
}

/** What a step that changes something made the stacks write. JSON-safe. */
export interface StepChange {
  readonly step: string;
  readonly at: SourcePosition;
  readonly stacks: readonly {
    readonly stack: string;
    /** Null when none of its plugins says what it writes. */
    readonly sync: SyncOutcome | null;
  }[];
}

/** Something that is not as the scenario says. JSON-safe. */
export interface Failure {
  readonly kind:
    | "expectation"
    | "divergence"
    | "not shown"
    | "parity"
    | "unknown"
    | "cost"
    | "determinism";
  /** Where the scenario says otherwise. */
  readonly at: SourcePosition;
  readonly step: string | null;
  readonly stack: string | null;
  /** The first flow it shows in. */
  readonly flow: string | null;
  readonly field: string;
  readonly expected: string;
  readonly actual: string;
  /** Flows it shows in. */
  readonly count: number;
}

/** A divergence and what the scenario says of it. JSON-safe. */
export interface JudgedDivergence {
  readonly step: string;
  /** Id of the known divergence that it is; null when it is none. */
  readonly id: string | null;
  readonly expected: boolean;
  /** As documented, else on the grounds of the rules. */
  readonly class: Basis;
  readonly why: string | null;
  readonly divergence: Divergence;
}

/** A flow of which a stack does not know what becomes of it. JSON-safe. */
export interface UnknownFlow {
  readonly step: string;
  readonly stack: string;
  readonly flow: string;
  readonly reason: string;
}

/** How a scenario came out. JSON-safe. */
export interface ScenarioReport {
  readonly id: string | null;
  readonly name: string;
  readonly file: string;
  readonly status: "passed" | "failed" | "not run";
  /** Why it was not run. */
  readonly reason: string | null;
  readonly seed: number;
  readonly baseline: string | null;
  readonly stacks: readonly { readonly name: string; readonly hash: string }[];
  readonly flows: number;
  /** Steps that send traffic. */
  readonly steps: readonly {
    readonly name: string;
    readonly at: SourcePosition;
    readonly flows: number;
  }[];
  /** Steps that apply, delete or load, and what they write on a node. */
  readonly changes: readonly StepChange[];
  readonly failures: readonly Failure[];
  readonly divergences: readonly JudgedDivergence[];
  readonly unknowns: readonly UnknownFlow[];
  /** Objects that nothing in any of the stacks reads, by kind. */
  readonly unread: Readonly<Record<string, number>>;
  /** What is to be said of the manifests and the options of the stacks. */
  readonly warnings: readonly string[];
}

/** How to judge. */
export interface Judging {
  readonly stepOf: ReadonlyMap<string, Step>;
  /** The changes that runs were asked about. */
  readonly changes?: readonly TapeChange[];
  /** The stacks are not those the scenario was written for: what it says is to show may not. */
  readonly otherStacks?: boolean;
}

/** A step with what every stack made of each of its flows. */
export interface StepResults {
  readonly step: Step;
  readonly flows: readonly {
    readonly id: string;
    readonly results: readonly {
      readonly stack: string;
      readonly result: FlowResult;
    }[];
  }[];
}
