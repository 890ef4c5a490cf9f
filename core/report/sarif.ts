import type { SourcePosition } from "../source.ts";
import { flowText } from "./divergence_text.ts";
import {
  causeHash,
  causeId,
  causeLevel,
  causeTitle,
  decisions,
  failureText,
  type Level,
  relativeFile,
  type ReportCause,
  type ReportFailure,
  type ReportModel,
  type ReportSection,
  type ReportUnknown,
} from "./report_model.ts";
import { visibleText } from "./visible_text.ts";

interface Message {
  readonly text: string;
}

interface Location {
  readonly id?: number;
  readonly physicalLocation?: {
    readonly artifactLocation: { readonly uri: string };
    readonly region: {
      readonly startLine: number;
      readonly startColumn: number;
    };
  };
  readonly logicalLocations?: readonly {
    readonly fullyQualifiedName: string;
  }[];
  readonly message?: Message;
}

interface Result {
  readonly ruleId: string;
  readonly kind?: "open";
  readonly level: Level | "none";
  readonly message: Message;
  readonly locations: readonly Location[];
  readonly relatedLocations?: readonly Location[];
  readonly occurrenceCount: number;
  readonly partialFingerprints?: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, unknown>>;
}

interface SarifRule {
  readonly id: string;
  readonly shortDescription: Message;
  readonly fullDescription: Message;
}

/** A result, and the rule it is a result of. */
interface Found {
  readonly rule: SarifRule;
  readonly result: Result;
}

/**
 * SARIF 2.1.0 (OASIS), as code scanning reads it. A result for each cause at
 * each place, with both deciding rules as related locations; what is unknown
 * is of kind `open`.
 */
export function sarifReport(report: ReportModel): string {
  const found = report.sections.flatMap((section) =>
    sectionResults(section, report.root)
  );
  const rules = rulesOf(found);
  const index = new Map(rules.map(({ id }, place) => [id, place]));
  const log = {
    $schema:
      "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
    version: "2.1.0",
    runs: [{
      tool: { driver: { name: "Plumbline", rules } },
      invocations: [{
        executionSuccessful: true,
        toolExecutionNotifications: notifications(report),
      }],
      columnKind: "utf16CodeUnits",
      results: found.map(({ result }) => ({
        ...result,
        ruleIndex: index.get(result.ruleId),
      })),
    }],
  };
  return JSON.stringify(log, null, 2);
}

function sectionResults(section: ReportSection, root: string): Found[] {
  return [
    ...section.failures.map((one) => failureResult(one, { section, root })),
    ...section.causes.map((one) => causeResult(one, { section, root })),
    ...section.unknowns.map((one) => unknownResult(one, { section, root })),
  ];
}

interface Around {
  readonly section: ReportSection;
  readonly root: string;
}

function causeResult(one: ReportCause, { section, root }: Around): Found {
  const { cause, why, step } = one;
  const { witness } = cause;
  const id = causeId(one);
  const sides = decisions(witness).map(({ stack, name, rule }, index) => {
    const place = rule?.source === undefined
      ? undefined
      : physical(rule.source, root);
    const location: Location | null = place === undefined ? null : {
      id: index + 1,
      physicalLocation: place,
      logicalLocations: [{ fullyQualifiedName: name }],
      message: { text: visibleText(`${stack}: ${name}`) },
    };
    const cited = location === null
      ? bracketsEscaped(name)
      : `[${bracketsEscaped(name)}](${index + 1})`;
    return { location, text: `${bracketsEscaped(stack)}: ${cited}` };
  });
  return {
    rule: {
      id,
      shortDescription: {
        text: one.id === null
          ? `${cause.fields.join(", ")}: ${cause.leftRule} | ${cause.rightRule}`
          : `Known divergence ${one.id}`,
      },
      fullDescription: {
        text: why ?? `Flows differ in ${cause.fields.join(", ")}.`,
      },
    },
    result: {
      ruleId: id,
      level: causeLevel(one),
      message: {
        text: `${bracketsEscaped(causeTitle(one))}. ${
          bracketsEscaped(flowText(witness.flow))
        }. Decided by ${sides.map(({ text }) => text).join("; ")}.`,
      },
      locations: locations([one.at, section.at], root),
      relatedLocations: sides.map(({ location }) => location)
        .filter((location) => location !== null),
      occurrenceCount: cause.count,
      partialFingerprints: {
        "plumblineCause/v1": [
          section.name,
          step ?? "",
          witness.right.stack,
          causeHash(cause),
        ].join("/"),
      },
      properties: {
        class: one.class,
        expected: one.expected,
        step,
        fields: witness.fields,
        stacks: [witness.left.stack, witness.right.stack],
      },
    },
  };
}

function failureResult(one: ReportFailure, { section, root }: Around): Found {
  const id = one.kind.replaceAll(" ", "-");
  return {
    rule: {
      id,
      shortDescription: { text: `Not as said: ${one.kind}` },
      fullDescription: { text: FAILURES[one.kind] ?? one.kind },
    },
    result: {
      ruleId: id,
      level: one.level,
      message: { text: bracketsEscaped(failureText(one)) },
      locations: locations([one.at, section.at], root),
      occurrenceCount: one.count,
      properties: { step: one.step, stack: one.stack },
    },
  };
}

const FAILURES: Readonly<Record<string, string>> = {
  "expectation": "An outcome is not what its scenario expects.",
  "not shown": "A divergence that the scenario says is to show does not.",
  "parity": "Stacks that are to agree do not.",
  "unknown": "More flows are unknown than the scenario allows.",
  "cost": "A stack was charged more than the scenario allows.",
  "recording": "A stack makes something else of flows than was recorded.",
};

function unknownResult(one: ReportUnknown, { section, root }: Around): Found {
  return {
    rule: {
      id: "not-modelled",
      shortDescription: { text: "Not modelled" },
      fullDescription: {
        text: "A stack does not know what becomes of flows.",
      },
    },
    result: {
      ruleId: "not-modelled",
      // A level other than none is for results of kind fail (SARIF 3.27.10).
      kind: "open",
      level: "none",
      message: { text: bracketsEscaped(`${one.stack}: ${one.reason}`) },
      locations: locations([one.at, section.at], root),
      occurrenceCount: one.count,
      properties: { stack: one.stack },
    },
  };
}

/** Each rule once, by id; the first result that names one describes it. */
function rulesOf(found: readonly Found[]): SarifRule[] {
  const rules = new Map<string, SarifRule>();
  for (const { rule } of found) {
    if (!rules.has(rule.id)) rules.set(rule.id, rule);
  }
  return [...rules.values()].sort((a, b) => a.id < b.id ? -1 : 1);
}

function notifications({ sections, notes }: ReportModel) {
  const notRun = sections.filter(({ status }) => status === "not run");
  return [
    ...notRun.map(({ name, reason }) => `${name} was not run: ${reason}`),
    ...notes,
  ].map((text) => ({ level: "note", message: { text } }));
}

/** The first of the places that is in a file. */
function locations(
  places: readonly (SourcePosition | null)[],
  root: string,
): Location[] {
  const found = places.flatMap((at) => {
    const place = at === null ? undefined : physical(at, root);
    return place === undefined ? [] : [{ physicalLocation: place }];
  });
  return found.slice(0, 1);
}

function physical(
  at: SourcePosition,
  root: string,
): Location["physicalLocation"] {
  const file = relativeFile(at.file, root);
  if (file === null) return undefined;
  const path = file.split("/").map(encodeSegment).join("/");
  return {
    artifactLocation: { uri: file.startsWith("/") ? `file://${path}` : path },
    region: {
      startLine: Math.max(1, at.line),
      startColumn: Math.max(1, at.column),
    },
  };
}

/** A colon in the first segment would make a scheme of it. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment.toWellFormed());
}

/** In message text `[text](id)` is a link to a related location (SARIF 3.11.6). */
function bracketsEscaped(text: string): string {
  return visibleText(text).replace(
    /[\\[\]]/g,
    (character) => `\\${character}`,
  );
}
