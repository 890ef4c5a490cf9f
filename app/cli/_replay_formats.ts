import { formatPosition } from "../../core/source.ts";
import { type JUnitCase, junitXml } from "../../core/report/junit.ts";
import {
  causeTitle,
  decisions,
  type ReportCause,
  type ReportModel,
} from "../../core/report/report_model.ts";
import { flowText } from "../../core/report/divergence_text.ts";
import type { RecordingComparison } from "../compare_recording.ts";
import type { KindCounts } from "../unread_kinds.ts";

/** What a recording came to, and what is to be said beside it. */
export interface RecordingResult {
  readonly comparison: RecordingComparison;
  /** About the recording. */
  readonly warnings: readonly string[];
  /** About the manifests and the options of the stacks. */
  readonly notes: readonly string[];
  /** Objects that no stack reads, by kind. */
  readonly unread: KindCounts;
  /** Runs that gave something else than they did before. */
  readonly nondeterministic: readonly string[];
}

/** A compared recording for programs. docs/output.md says what is in it. */
export function recordingData(
  { comparison, warnings, notes, unread, nondeterministic }: RecordingResult,
  { format, model }: {
    readonly format: "json" | "ndjson" | "junit";
    readonly model: ReportModel;
  },
): string {
  switch (format) {
    case "json": {
      const said = { warnings, notes, unread, nondeterministic };
      return JSON.stringify({ ...comparison, ...said }, null, 2);
    }
    case "ndjson": {
      const { baseline, comparisons } = comparison;
      return comparisons.flatMap(({ stack, causes }) =>
        causes.map((cause) => JSON.stringify({ baseline, stack, ...cause }))
      ).join("\n");
    }
    case "junit":
      return junitXml(
        model.sections.flatMap(({ name, causes }) =>
          causes.length === 0
            ? [{ suite: name, name: "no flow changes", status: "passed" }]
            : causes.map((cause) => causeCase(name, cause))
        ),
      ).trimEnd();
  }
}

function causeCase(suite: string, cause: ReportCause): JUnitCase {
  const { count, witness } = cause.cause;
  const rules = decisions(witness).map(({ stack, name, rule }) =>
    rule?.source === undefined
      ? `${stack}: ${name}`
      : `${stack}: ${name}  ${formatPosition(rule.source)}`
  );
  return {
    suite,
    name: flowText(witness.flow),
    status: "failed",
    message: `${causeTitle(cause)} (${count} flows)`,
    details: rules.join("\n"),
    ...(cause.at === null ? {} : { file: cause.at.file, line: cause.at.line }),
  };
}
