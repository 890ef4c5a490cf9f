import type { ChainRule } from "../../core/import/iptables_rules.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type { HookContext } from "../../core/replay/plugin.ts";
import { type CompiledRule, DOES } from "./compiled_rule.ts";
import { statisticThreshold } from "./stateful_matches.ts";

/** Jumps followed when looking for where an alternative of a choice sends. */
const DEEPEST_LOOK = 4;

/**
 * Rules in a row that share out packets by `-m statistic --mode random`, the
 * last one perhaps taking the rest. The kernel draws at each rule; one draw
 * against the running shares picks the same rule with the same probability.
 */
export class Choice {
  readonly first: number;
  /** Index after the last rule. */
  readonly end: number;
  /** Exact share of each rule. */
  readonly shares: readonly number[];
  readonly #site: string;
  readonly #limits: readonly number[];
  readonly #rules: readonly CompiledRule[];
  /** Where each alternative sends, in order of text; found when first asked for. */
  #sent: readonly Alternative[] | null = null;
  #backends: readonly WeightedBackend[] = [];
  /** Whether every alternative is a backend: a pick then reports the set itself. */
  picksBackend = false;

  private constructor(
    branches: readonly {
      readonly rule: CompiledRule;
      readonly probability: number;
    }[],
  ) {
    this.#rules = branches.map(({ rule }) => rule);
    const [first] = this.#rules;
    this.first = first!.index;
    this.end = this.first + branches.length;
    this.#site = first!.name;
    const shares: number[] = [];
    const limits: number[] = [];
    let rest = 1;
    for (const { probability } of branches) {
      const share = rest * probability;
      shares.push(share);
      rest -= share;
      limits.push((1 - rest) * 0x1_0000_0000);
    }
    this.shares = shares;
    this.#limits = limits;
  }

  /** The choices among the rules of a chain; each is noted on its first rule. */
  static findIn(
    rules: readonly ChainRule[],
    compiled: (index: number) => CompiledRule,
  ): readonly Choice[] {
    const found: Choice[] = [];
    for (let start = 0; start < rules.length; start++) {
      let end = start;
      while (
        end < rules.length && isShare(rules[end]!) && decides(compiled(end))
      ) end++;
      if (end === start) continue;
      if (
        end < rules.length && takesRest(rules[end]!) && decides(compiled(end))
      ) end++;
      const choice = new Choice(
        rules.slice(start, end).map((rule, index) => ({
          rule: compiled(start + index),
          probability: probability(rule),
        })),
      );
      choice.#rules[0]!.choice = choice;
      found.push(choice);
      start = end - 1;
    }
    return found;
  }

  /**
   * The index of the rule that is picked; `end` when none is. Where every
   * alternative is a backend, the pick is one that other stacks would make
   * from the same set.
   */
  pick(context: HookContext): number {
    const sent = this.#sent ?? this.#alternatives();
    if (this.picksBackend) {
      return sent[context.pick(this.#backends)]!.rule;
    }
    return this.first +
      firstAbove(this.#limits, context.draw(this.#site));
  }

  /** Where the alternatives send, each with its share; an alternative that sends nowhere is left out. */
  get backends(): readonly WeightedBackend[] {
    this.#alternatives();
    return this.#backends;
  }

  has(backend: string): boolean {
    return this.backends.some((one) => one.backend === backend);
  }

  #alternatives(): readonly Alternative[] {
    if (this.#sent !== null) return this.#sent;
    const sent: Alternative[] = this.#rules.flatMap((rule, index) => {
      const backend = backendOf(rule, DEEPEST_LOOK);
      return backend === undefined
        ? []
        : [{ rule: rule.index, backend, weight: this.shares[index]! }];
    });
    sent.sort((a, b) => a.backend < b.backend ? -1 : 1);
    this.#backends = sent.map(({ backend, weight }) => ({ backend, weight }));
    this.picksBackend = sent.length === this.#rules.length &&
      this.#limits.at(-1) === 0x1_0000_0000;
    return this.#sent = sent;
  }
}

/** A rule of a choice with where it sends. */
interface Alternative extends WeightedBackend {
  /** Index of the rule. */
  readonly rule: number;
}

/** The position of the first limit above a draw; their number when none is. */
function firstAbove(limits: readonly number[], draw: number): number {
  let low = 0;
  let high = limits.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (limits[middle]! <= draw) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A rule that does something for good with a share of all packets. */
function isShare(rule: ChainRule): boolean {
  const { matches } = rule;
  const random = matches.filter(({ name }) => name === "statistic");
  return random.length === 1 && isBare(rule, "statistic") &&
    random[0]!.options.every((option) => !option.negated) &&
    random[0]!.options.some((option) => option.name === "probability");
}

function takesRest(rule: ChainRule): boolean {
  return isBare(rule, "comment");
}

/** Nothing but this match and comments. */
function isBare(rule: ChainRule, match: string): boolean {
  return rule.source === null && rule.destination === null &&
    rule.inInterface === null && rule.outInterface === null &&
    rule.protocol === null && rule.fragment === null &&
    rule.matches.every(({ name }) => name === match || name === "comment");
}

function decides(rule: CompiledRule): boolean {
  return rule.unknown === null && rule.does !== DOES.next;
}

function probability(rule: ChainRule): number {
  const match = rule.matches.find(({ name }) => name === "statistic");
  return match === undefined ? 1 : statisticThreshold(match) / 0x80000000;
}

function backendOf(rule: CompiledRule, depth: number): string | undefined {
  const { backend } = rule.target;
  if (backend !== undefined) return backendText(backend.ip, backend.port);
  if (rule.to === null || depth === 0) return undefined;
  for (let index = 0; index < rule.to.length; index++) {
    const found = backendOf(rule.to.rule(index), depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `address:port`, IPv6 in brackets. */
export function backendText(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}
