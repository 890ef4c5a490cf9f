import type { Divergence } from "../../../core/diff/divergence.ts";
import type { Hop } from "../../../core/replay/hop.ts";
import type { Outcome } from "../../../core/replay/outcome.ts";
import type { Rule } from "../../../core/source.ts";
import type { ScenarioSource } from "../../server/schemas.ts";

/** A rule as one stack's reason for what it did. */
export interface StackRule {
  readonly stack: string;
  readonly rule: Rule | null;
  /** What happened, where no rule decided. */
  readonly otherwise: string;
}

/** The rules that decided, a stack beside the other. */
export function RuleCards(
  { rules, source, baseline }: {
    readonly rules: readonly StackRule[];
    readonly source: ScenarioSource | null;
    readonly baseline: string;
  },
) {
  return (
    <section aria-labelledby="rules-title">
      <header class="section-head">
        <h3 id="rules-title">Decided by</h3>
      </header>
      <div class="cards">
        {rules.map((one) => (
          <RuleCard
            key={one.stack}
            one={one}
            source={source}
            isBaseline={one.stack === baseline}
          />
        ))}
      </div>
    </section>
  );
}

function RuleCard(
  { one: { stack, rule, otherwise }, source, isBaseline }: {
    readonly one: StackRule;
    readonly source: ScenarioSource | null;
    readonly isBaseline: boolean;
  },
) {
  return (
    <article class="card" aria-label={`Rule of ${stack}`}>
      <header>
        <strong>{stack}</strong>
        {isBaseline && <span class="note">baseline</span>}
        {rule !== null && (
          <span class="tag">{rule.basis ?? "implementation-defined"}</span>
        )}
      </header>
      {rule === null ? <p class="note">{otherwise}</p> : (
        <>
          <p class="rule-name">
            <code>{rule.name}</code>
          </p>
          {rule.text && <pre class="rule-text" tabIndex={0}>{rule.text}</pre>}
          {rule.source
            ? <RuleSource at={rule.source} source={source} />
            : <p class="note">built in, written in no file</p>}
        </>
      )}
    </article>
  );
}

/** Lines shown around that of a rule: positions are mostly where an object begins. */
const LINES_BEFORE = 2;
const LINES_AFTER = 9;

function RuleSource(
  { at: { file, line }, source }: {
    readonly at: NonNullable<Rule["source"]>;
    readonly source: ScenarioSource | null;
  },
) {
  const text = source?.file === file
    ? source.text
    : source?.files.find((one) => one.file === file)?.text;
  const first = Math.max(1, line - LINES_BEFORE);
  const lines = text?.split("\n").slice(first - 1, line + LINES_AFTER);
  return (
    <>
      <p class="position">{`${shortFile(file)}:${line}`}</p>
      {lines && (
        <pre
          class="manifest"
          tabIndex={0}
          role="group"
          aria-label={`${shortFile(file)} around line ${line}`}
        >
          {lines.map((text, index) => {
            const number = first + index;
            return (
              <span key={number} class={number === line ? "at" : ""}>
                <i>{number}</i>{`${text}\n`}
              </span>
            );
          })}
        </pre>
      )}
    </>
  );
}

/** A file without the directories that all of a scenario's files are in. */
export function shortFile(file: string): string {
  return file.split("/").slice(-2).join("/");
}

/** What a stack did with a flow, and by which rule. */
interface Decision {
  readonly rule: Rule | null;
  /** Whether the rule made the verdict, or only sent the packet its way. */
  readonly decides: boolean;
}

/** The deciding rule of every stack. */
export function rulesOf(
  divergences: readonly Divergence[],
  outcomes: readonly {
    readonly stack: string;
    readonly outcome: Outcome;
    readonly hops: readonly Hop[];
  }[],
): StackRule[] {
  return outcomes.map(({ stack, outcome, hops }) => {
    const divergence = divergences.find(({ left, right }) =>
      right.stack === stack || left.stack === stack
    );
    const found = divergence === undefined
      ? null
      : decisionOf(divergence, divergence.left.stack === stack);
    const rule = found?.rule ?? outcome.rule ?? lastRule(hops);
    const otherwise = outcome.verdict === "forwarded"
      ? "No rule had a say: the packet went its way untouched."
      : outcome.reason ?? "No rule decided.";
    return { stack, rule, otherwise };
  });
}

/** A side that let the packet through has no rule that decided; then it is the one at the hop where the ways part. */
function decisionOf(
  { left, right, firstHop }: Divergence,
  isLeft: boolean,
): Decision {
  const side = isLeft ? left : right;
  const deciding = side.outcome.rule ?? side.decidedBy?.rule ?? null;
  if (deciding !== null) return { rule: deciding, decides: true };
  const hop = isLeft ? firstHop?.left : firstHop?.right;
  return { rule: hop?.rule ?? null, decides: false };
}

function lastRule(hops: readonly Hop[]): Rule | null {
  return hops.findLast(({ rule, direction }) =>
    rule !== null && direction === "original"
  )?.rule ?? null;
}

/**
 * One sentence a stack, made of the verdicts and the rules alone: nothing is
 * said that the replay did not find.
 */
export function whySentences(divergence: Divergence): readonly string[] {
  const { left, right, fields } = divergence;
  const verdicts = left.outcome.verdict !== right.outcome.verdict;
  return [left, right].map((side) => {
    const isLeft = side === left;
    const { rule, decides } = decisionOf(divergence, isLeft);
    const what = verdicts
      ? `${side.stack}: ${side.outcome.verdict}`
      : `${side.stack}: ${
        fields.map((one) => `${one.field} ${isLeft ? one.left : one.right}`)
          .join(", ")
      }`;
    const { reason, verdict } = side.outcome;
    if (rule === null) return `${what}, ${reason ?? "no rule had a say"}.`;
    return decides || !verdicts || verdict !== "forwarded"
      ? `${what}, by ${rule.name}.`
      : `${what}: no rule against it, sent its way by ${rule.name}.`;
  });
}
