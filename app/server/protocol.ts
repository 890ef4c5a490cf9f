import type { Problem } from "../../core/errors.ts";
import type { CompareRequest, ForkRequest, RunRequest } from "./schemas.ts";

/** Where files are; a worker gets it with its first message. */
export interface WorkerPlaces {
  /** Directory of the scenario library. */
  readonly scenarios: string;
  /** The data directory of the server. */
  readonly data: string;
}

/** Where the files of one attempt of a run are. */
export interface RunPlace {
  readonly directory: string;
}

/** What a worker can be asked. One JSON document a line. */
export type Question =
  | { readonly kind: "hello"; readonly places: WorkerPlaces }
  | { readonly kind: "plugins" }
  | { readonly kind: "stacks" }
  | { readonly kind: "scenarios"; readonly uploaded: readonly string[] }
  | { readonly kind: "scenario"; readonly id: string }
  | { readonly kind: "scenario-source"; readonly id: string }
  /** An upload, to be checked before it is kept; `path` is where it lies. */
  | {
    readonly kind: "check-scenario";
    readonly id: string;
    readonly path: string;
  }
  | {
    readonly kind: "check-cluster";
    readonly path: string;
    readonly name: string;
  }
  | {
    readonly kind: "check-flows";
    readonly path: string;
    readonly name: string;
  }
  | { readonly kind: "compare"; readonly request: CompareRequest }
  | { readonly kind: "check-run"; readonly request: RunRequest }
  | {
    readonly kind: "run";
    readonly request: RunRequest;
    readonly place: RunPlace;
  }
  | {
    readonly kind: "journeys";
    readonly place: RunPlace;
    readonly stacks: number;
    readonly baseline: number;
    readonly index: number;
  }
  | {
    readonly kind: "log";
    readonly place: RunPlace;
    readonly stack: number;
    readonly name: string;
    readonly from: number;
    readonly limit: number;
    readonly type: string | null;
  }
  | {
    readonly kind: "state";
    readonly place: RunPlace;
    readonly stack: number;
    readonly at: number;
  }
  | {
    readonly kind: "source";
    readonly place: RunPlace;
    readonly file: string;
    readonly line: number;
  }
  | {
    readonly kind: "report";
    readonly place: RunPlace;
    readonly format: "html" | "junit" | "sarif" | "markdown";
  }
  | {
    readonly kind: "fork";
    readonly place: RunPlace;
    readonly stacks: number;
    readonly request: ForkRequest;
  };

/** What a run says of itself on the way. */
export interface RunProgress {
  readonly flows: number;
  readonly total: number | null;
  readonly changed: number;
}

/** What a run comes to; the rest is in its files. */
export interface RunResult {
  readonly name: string;
  readonly baseline: string;
  readonly seed: number;
  readonly progress: RunProgress;
  readonly stacks: readonly {
    readonly name: string;
    readonly hash: string;
    readonly events: number;
  }[];
}

/** A line that a worker answers with; after `answer` come that many bytes of JSON. */
export type AnswerLine =
  | { readonly kind: "answer"; readonly lengthBytes: number }
  | { readonly kind: "progress"; readonly progress: RunProgress }
  | { readonly kind: "bad-input"; readonly problems: readonly Problem[] }
  /** Nothing has the name that was asked for. */
  | { readonly kind: "not-found"; readonly message: string }
  | { readonly kind: "limit"; readonly message: string }
  | { readonly kind: "internal"; readonly message: string };

/** Thrown in a worker: it takes more than the server gives. */
export class LimitError extends Error {
  override readonly name = "LimitError";
  readonly code = "limit";
}

/** Thrown in a worker: there is no such thing. */
export class MissingError extends Error {
  override readonly name = "MissingError";
  readonly code = "not-found";
}
