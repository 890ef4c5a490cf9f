/** One case of a public suite, judged. */
export interface CaseResult {
  readonly id: string;
  /** `unknown`: the tool said that it does not model something the case needs; `disputed`: the data is at fault, with a reason. */
  readonly status: "passed" | "failed" | "unknown" | "disputed";
  readonly expected?: string;
  readonly actual?: string;
}

/** A public suite that the runner can read from the conformance folder. */
export interface Suite {
  /** Its folder: `network-policy/cyclonus`. */
  readonly name: string;
  /** Judges every case present below `directory`; passed + failed + unknown + disputed = cases present. */
  run(directory: string): Iterable<CaseResult>;
}
