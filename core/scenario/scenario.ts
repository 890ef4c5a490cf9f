import type { Labels, ObjectSource } from "../cluster/model.ts";
import type { ComparedField } from "../diff/divergence.ts";
import type { DumpFormat } from "../import/dump_format.ts";
import type { Application, FlowIntent } from "../replay/flow.ts";
import type { Verdict } from "../replay/outcome.ts";
import type { WriteKind } from "../replay/sync.ts";
import type { Basis, SourcePosition } from "../source.ts";
import type { FlowFilter } from "./flow_filter.ts";
import type { FixtureFile } from "./_cursor.ts";
import type { CostMetric } from "./words.ts";

/** A scenario as its author means it: every name checked, every file found. */
export interface Scenario {
  /** `D05`; null outside the catalogue. */
  readonly id: string | null;
  readonly name: string;
  readonly description: string | null;
  readonly labels: Labels;
  /** Where the documented outcomes are written. */
  readonly refs: readonly string[];
  /** Which versions of the real things the expectations are about. */
  readonly versions: Labels;
  readonly source: SourcePosition;
  /** As it was written, for excerpts. */
  readonly text: string;
  readonly seed: number;
  /** Paths that it needs and that are not there: it cannot be run. */
  readonly missing: readonly string[];
  readonly fixtures: readonly FileReference[];
  /** Null: those of the command line. */
  readonly stacks: readonly StackChoice[] | null;
  /** The stack that the others are compared with; null: the first. */
  readonly baseline: string | null;
  readonly records: readonly ExternalRecord[];
  readonly steps: readonly Step[];
  readonly divergences: readonly ExpectedDivergence[];
  readonly costs: readonly CostLimit[];
}

/** A file or a directory that the scenario names. */
export interface FileReference {
  readonly path: string;
  readonly at: SourcePosition;
  /** What it holds; empty when the reader of the scenario was given no way to look. */
  readonly files: readonly FixtureFile[];
}

/** A stack as the scenario configures it. */
export interface StackChoice {
  readonly name: string;
  readonly at: SourcePosition;
  readonly uses: readonly StackUse[];
  /** Nodes that run something else: a half-migrated cluster. */
  readonly nodes: readonly {
    readonly name: string;
    readonly uses: readonly StackUse[];
  }[];
}

/** One preset or plugin of a stack with its options, not yet checked. */
export interface StackUse {
  readonly use: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Positions of the options, as `partPosition` reads them. */
  readonly source: ObjectSource;
}

/** A DNS record from outside the cluster. */
export interface ExternalRecord {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly alias: string | null;
  readonly at: SourcePosition;
}

/** Something that happens, and what is to come of it. */
export interface Step {
  readonly name: string;
  readonly at: SourcePosition;
  readonly timeNs: number;
  readonly action: StepAction;
  readonly expect: Expectations;
  /** Divergences of the catalogue that are to show here. */
  readonly diverges: readonly string[];
}

/** What a step does. */
export type StepAction =
  | {
    readonly kind: "apply";
    readonly objects: readonly (FileReference | InlineObject)[];
  }
  | {
    readonly kind: "delete";
    readonly objects: readonly (FileReference | ObjectName)[];
  }
  | { readonly kind: "send"; readonly send: Send }
  | { readonly kind: "replay"; readonly replay: Replayed }
  | { readonly kind: "load"; readonly load: LoadedDump };

/** An object written in the scenario itself. */
export interface InlineObject {
  readonly value: Readonly<Record<string, unknown>>;
  readonly source: ObjectSource;
}

/** An object by its name. */
export interface ObjectName {
  /** As written, in any case: `NetworkPolicy`, `networkpolicy`. */
  readonly objectKind: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly at: SourcePosition;
}

/** Who sends. */
export type Sender =
  | { readonly kind: "pod"; readonly namespace: string; readonly name: string }
  /** The first pod of a workload. */
  | {
    readonly kind: "workload";
    readonly workload: string;
    readonly namespace: string;
    readonly name: string;
  }
  | { readonly kind: "node"; readonly name: string }
  | { readonly kind: "outside"; readonly ip: string };

/** Traffic of one step. */
export interface Send {
  readonly at: SourcePosition;
  readonly from: Sender;
  readonly via: string | null;
  readonly to: FlowIntent["to"];
  readonly protocol: FlowIntent["protocol"];
  readonly sourcePort: number | null;
  readonly connection: string | null;
  readonly application: Application;
  readonly count: number;
  readonly everyNs: number;
}

/** Recorded traffic to be sent again. */
export interface Replayed {
  readonly format: "hubble" | "pcap";
  readonly file: FileReference;
  /** Which of the recorded flows; null: all. */
  readonly where: FlowFilter | null;
  readonly limit: number;
}

/** A dump to be run in place of what a plugin would compute. */
export interface LoadedDump {
  /** Null: each file is told by how it begins. */
  readonly format: DumpFormat | null;
  readonly file: FileReference;
  readonly node: string | null;
}

/** What is to come of a step, stack by stack. */
export interface Expectations {
  readonly outcomes: readonly ExpectedOutcome[];
  readonly parity: ExpectedParity | null;
  /** Flows of the step that may be unknown; null: any number. */
  readonly unknown: Share | null;
}

/** A count, or a part of all. */
export type Share =
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "percent"; readonly percent: number };

/** What one stack, or every one, is to make of a step. Fields left out are not judged. */
export interface ExpectedOutcome {
  /** Null: every stack. */
  readonly stack: string | null;
  readonly at: SourcePosition;
  readonly verdict?: Verdict | undefined;
  readonly reason?: string | undefined;
  readonly rule?: string | undefined;
  readonly backend?: string | undefined;
  readonly receiver?: string | undefined;
  readonly source?: string | undefined;
  readonly identity?: string | undefined;
  readonly encrypted?: boolean | undefined;
  readonly encryption?: readonly string[] | undefined;
  readonly status?: number | undefined;
  readonly route?: string | undefined;
  readonly request?: string | undefined;
  readonly location?: string | undefined;
  readonly reply?: boolean | undefined;
  /** Of steps that change something: what a node's sync writes, by kind. */
  readonly written?: ExpectedWrites | undefined;
  /** The same of a full sync. */
  readonly full?: ExpectedWrites | undefined;
  /** Fields that may differ from the baseline here. */
  readonly diverges: readonly ComparedField[];
}

/** How many writes of each kind there are to be; a kind that is left out is not judged. */
export type ExpectedWrites = Readonly<
  Partial<Record<WriteKind, ExpectedCount>>
>;

/** A number, or the most that it may be. */
export interface ExpectedCount {
  readonly count: number;
  readonly exact: boolean;
}

/** All stacks are to agree with one of them. */
export interface ExpectedParity {
  readonly at: SourcePosition;
  /** Null: the baseline. */
  readonly with: string | null;
  readonly on: readonly ComparedField[];
  /** Divergences of the catalogue that are allowed for. */
  readonly except: readonly string[];
}

/** A known divergence that the scenario is to show. */
export interface ExpectedDivergence {
  readonly id: string;
  readonly at: SourcePosition;
  /** Empty: wherever a step names it, or anywhere when none does. */
  readonly steps: readonly string[];
  /** Empty: in at least one of the stacks. */
  readonly stacks: readonly string[];
  /** Empty: every field. */
  readonly on: readonly ComparedField[];
  readonly class: Basis | null;
  readonly why: string | null;
}

/** A bound on what a flow may cost in a stack. */
export interface CostLimit {
  readonly at: SourcePosition;
  readonly stack: string;
  readonly metric: CostMetric;
  readonly max: number;
  readonly step: string | null;
}
