import type { Backend } from "../../plugins/kernel/mod.ts";
import { fuzzCase, type PlannedStep } from "./fuzz_case.ts";
import { type Disagreement, firstDisagreement } from "./fuzz_result.ts";
import type { FuzzRouter } from "./fuzz_router.ts";
import { type FuzzTable, ruleCount, rulesText } from "./fuzz_rules.ts";
import { KernelSide } from "./kernel_side.ts";
import { modelSide } from "./model_side.ts";
import type { CaseStep } from "./run_case.ts";
import { shrink } from "./shrink.ts";

/** A case that the kernel and the plugin see differently, made small. */
export interface FoundDisagreement {
  readonly case: number;
  readonly router: FuzzRouter;
  readonly tracks: boolean;
  readonly tables: readonly FuzzTable[];
  readonly steps: readonly CaseStep[];
  readonly disagreement: Disagreement;
}

/** What a run of fuzzing came to. */
export interface FuzzReport {
  readonly cases: number;
  readonly packets: number;
  readonly rules: number;
  /** Packets by what the kernel did. */
  readonly fates: Readonly<Record<string, number>>;
  /** Cases whose rest was not compared, by what the plugin does not model. */
  readonly unknown: Readonly<Record<string, number>>;
  readonly found: readonly FoundDisagreement[];
}

/** Compares cases of a seed, and shrinks each disagreement, up to `most` of them. */
export function fuzz(
  options: {
    readonly seed: number;
    readonly count: number;
    readonly from?: number;
    readonly backend: Backend;
    readonly most: number;
    /** Called for each as it is found. */
    readonly onFound?: (found: FoundDisagreement) => void;
  },
): FuzzReport {
  const kernel = new KernelSide(options.backend);
  const report = {
    cases: 0,
    packets: 0,
    rules: 0,
    fates: {} as Record<string, number>,
    unknown: {} as Record<string, number>,
    found: [] as FoundDisagreement[],
  };
  const first = options.from ?? 0;
  try {
    for (let number = first; number < first + options.count; number++) {
      const { router, tables, steps, tracks } = fuzzCase(options.seed, number);
      const sides = new Sides(kernel, {
        router,
        tracks,
        backend: options.backend,
      });
      const result = sides.compare({ tables, steps });
      report.cases++;
      report.rules += ruleCount(tables);
      report.packets += result.fates.length;
      for (const { kind } of result.fates) count(report.fates, kind);
      if (result.unknown !== null) count(report.unknown, result.unknown);
      if (result.disagreement === null) continue;
      const found = {
        case: number,
        router,
        tracks,
        ...sides.shrunk(tables, result),
      };
      report.found.push(found);
      options.onFound?.(found);
      if (report.found.length >= options.most) break;
    }
  } finally {
    kernel.close();
  }
  return report;
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

/** Kernel and plugin over the same rules and packets. */
class Sides {
  readonly #kernel: KernelSide;
  readonly #router: FuzzRouter;
  readonly #ordered: boolean;
  readonly #tracks: boolean;

  constructor(
    kernel: KernelSide,
    { router, backend, tracks }: {
      readonly tracks: boolean;
      readonly router: FuzzRouter;
      readonly backend: Backend;
    },
  ) {
    this.#kernel = kernel;
    this.#router = router;
    this.#ordered = backend === "legacy";
    this.#tracks = tracks;
  }

  compare({ tables, steps: planned }: {
    readonly tables: readonly FuzzTable[];
    readonly steps: readonly PlannedStep[];
  }) {
    const router = this.#router;
    const rules = rulesText(tables, { tracks: this.#tracks });
    const { steps, fates } = this.#kernel.run(rules, {
      router,
      steps: planned,
    });
    const model = modelSide(rules, { router, steps, ordered: this.#ordered });
    const result = firstDisagreement(fates, model);
    const unknown = model.find(({ kind }) => kind === "unknown");
    return {
      steps,
      fates,
      unknown: result === "unknown" ? unknown?.detail ?? "" : null,
      disagreement: result === "unknown" ? null : result,
    };
  }

  /** The smallest case found that differs. */
  shrunk(
    tables: readonly FuzzTable[],
    { steps }: { readonly steps: readonly CaseStep[] },
  ): Omit<FoundDisagreement, "case" | "router" | "tracks"> {
    const concrete = steps.map((step): PlannedStep => ({
      kind: "packet",
      ...step,
    }));
    const small = shrink({ tables, steps: concrete }, (candidate) => {
      try {
        return this.compare(candidate).disagreement !== null;
      } catch {
        // Not every part of a rule can go: the kernel does not take the rest.
        return false;
      }
    });
    const again = this.compare(small);
    return {
      tables: small.tables,
      steps: again.steps,
      disagreement: again.disagreement!,
    };
  }
}
