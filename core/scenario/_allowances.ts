import type { ComparedField, Divergence } from "../diff/divergence.ts";
import type { Basis } from "../source.ts";
import type { Failure, JudgedDivergence } from "./scenario_report.ts";
import type { ExpectedDivergence, Scenario, Step } from "./scenario.ts";

/** What a scenario says may differ, and where. */
export class Allowances {
  readonly #scenario: Scenario;
  /** Ids that some step says are to show in it. */
  readonly #placed: ReadonlySet<string>;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#placed = new Set(scenario.steps.flatMap(({ diverges }) => diverges));
  }

  /** Whether a divergence is one that the scenario says may show, and which. */
  judge(
    divergence: Divergence,
    { step, stack }: { step: Step; stack: string },
  ): Omit<JudgedDivergence, "step" | "divergence"> {
    const fields = divergence.fields.map(({ field }) => field);
    const entries = this.#scenario.divergences
      .filter((entry) => this.#applies(entry, { step, stack }));
    const named = entries.find((entry) => covers(entry.on, fields).length > 0);
    const covered = new Set([
      ...entries.flatMap((entry) => covers(entry.on, fields)),
      ...this.#ownFields(step, stack).flatMap((on) => covers(on, fields)),
    ]);
    // What steps agree on elsewhere is theirs to say.
    const judgedByParity = step.expect.parity !== null;
    const id = named?.id ?? this.#bareId(step);
    return {
      id,
      expected: judgedByParity || fields.every((field) => covered.has(field)),
      class: this.#classOf(named) ?? divergence.class,
      why: named?.why ?? this.#whyOf(id),
    };
  }

  /** Fields that known divergences account for, whatever the step. */
  fieldsOf(ids: readonly string[]): readonly ComparedField[] | "all" {
    const entries = this.#scenario.divergences
      .filter(({ id }) => ids.includes(id));
    const bare = ids.some((id) => !entries.some((entry) => entry.id === id));
    return bare || entries.some(({ on }) => on.length === 0)
      ? "all"
      : entries.flatMap(({ on }) => on);
  }

  /** Divergences that were to show and did not. */
  notShown(divergences: readonly JudgedDivergence[]): Failure[] {
    const listed = this.#scenario.divergences.flatMap((entry) => {
      const steps = this.#stepsOf(entry);
      return (steps.length === 0 ? [null] : steps).flatMap((step) =>
        absentIn(entry, { step, divergences })
      );
    });
    const ids = new Set(this.#scenario.divergences.map(({ id }) => id));
    const bare = this.#scenario.steps.flatMap((step) =>
      step.diverges.filter((id) => !ids.has(id))
        .filter(() => !divergences.some((one) => one.step === step.name))
        .map((id) => absence(id, { at: step.at, step: step.name, stack: null }))
    );
    return [...listed, ...bare];
  }

  #applies(
    entry: ExpectedDivergence,
    { step, stack }: { step: Step; stack: string },
  ): boolean {
    const steps = this.#stepsOf(entry);
    return (steps.length === 0 || steps.includes(step.name)) &&
      (entry.stacks.length === 0 || entry.stacks.includes(stack));
  }

  #stepsOf(entry: ExpectedDivergence): readonly string[] {
    if (entry.steps.length > 0 || !this.#placed.has(entry.id)) {
      return entry.steps;
    }
    return this.#scenario.steps
      .filter(({ diverges }) => diverges.includes(entry.id))
      .map(({ name }) => name);
  }

  /** What the step itself allows a stack; an id that is explained nowhere allows every field. */
  #ownFields(step: Step, stack: string): readonly (readonly ComparedField[])[] {
    const own = step.expect.outcomes
      .filter((expected) => (expected.stack ?? stack) === stack)
      .map(({ diverges }) => diverges)
      .filter((fields) => fields.length > 0);
    return this.#bareId(step) === null ? own : [...own, []];
  }

  #bareId({ diverges }: Step): string | null {
    const listed = this.#scenario.divergences.map(({ id }) => id);
    return diverges.find((id) => !listed.includes(id)) ?? null;
  }

  /** Entries of one id may stand apart; what one says of the class holds for all. */
  #classOf(entry: ExpectedDivergence | undefined): Basis | null {
    if (entry === undefined) return null;
    const alike = this.#scenario.divergences
      .filter(({ id }) => id === entry.id);
    return entry.class ?? alike.find((one) => one.class !== null)?.class ??
      null;
  }

  #whyOf(id: string | null): string | null {
    return this.#scenario.divergences
      .find((entry) => entry.id === id && entry.why !== null)?.why ?? null;
  }
}

/**
 * Which of the fields an allowance covers: none named means every one, and
 * all else follows from a verdict or a status that may differ and does.
 */
function covers(
  on: readonly ComparedField[],
  fields: readonly ComparedField[],
): readonly ComparedField[] {
  const follows = (field: ComparedField) =>
    on.includes(field) && fields.includes(field);
  return on.length === 0 || follows("verdict") || follows("status")
    ? fields
    : fields.filter((field) => on.includes(field));
}

function absentIn(
  entry: ExpectedDivergence,
  { step, divergences }: {
    step: string | null;
    divergences: readonly JudgedDivergence[];
  },
): Failure[] {
  const shows = (stack: string | null) =>
    divergences.some(({ step: where, divergence }) =>
      (step ?? where) === where &&
      (stack ?? divergence.right.stack) === divergence.right.stack &&
      covers(entry.on, divergence.fields.map(({ field }) => field)).length > 0
    );
  const stacks = entry.stacks.length === 0 ? [null] : entry.stacks;
  return stacks.filter((stack) => !shows(stack))
    .map((stack) => absence(entry.id, { at: entry.at, step, stack }));
}

function absence(
  id: string,
  where: Pick<Failure, "at" | "step" | "stack">,
): Failure {
  return {
    kind: "not shown",
    ...where,
    flow: null,
    field: id,
    expected: `${id} shows`,
    actual: "no such divergence",
    count: 1,
  };
}
