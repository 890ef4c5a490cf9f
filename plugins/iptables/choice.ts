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

  constructor(rules: readonly CompiledRule[]) {
    this.#rules = rules;
    this.first = rules[0]!.index;
    this.end = this.first + rules.length;
    this.#site = rules[0]!.name;
    const shares: number[] = [];
    const limits: number[] = [];
    let rest = 1;
    for (const rule of rules) {
      const share = rest * probability(rule);
      shares.push(share);
      rest -= share;
      limits.push((1 - rest) * 0x1_0000_0000);
    }
    this.shares = shares;
    this.#limits = limits;
  }

  /** The choices among the rules of a chain, by the index of their first rule; null without any. */
  static findIn(
    rules: readonly CompiledRule[],
  ): ReadonlyMap<number, Choice> | null {
    const found = new Map<number, Choice>();
    for (let start = 0; start < rules.length; start++) {
      let end = start;
      while (end < rules.length && isShare(rules[end]!)) end++;
      if (end === start) continue;
      if (end < rules.length && takesRest(rules[end]!)) end++;
      const choice = new Choice(rules.slice(start, end));
      found.set(start, choice);
      start = end - 1;
    }
    return found.size === 0 ? null : found;
  }

  /**
   * The index of the rule that is picked; `end` when none is. Where every
   * alternative is a backend, the pick is one that other stacks would make
   * from the same set.
   */
  pick(context: HookContext): number {
    const sent = this.#alternatives();
    if (sent.length === this.#rules.length && this.#leavesNothing()) {
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

  #leavesNothing(): boolean {
    return this.#limits.at(-1) === 0x1_0000_0000;
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
function isShare(rule: CompiledRule): boolean {
  const { matches } = rule.source;
  const random = matches.filter(({ name }) => name === "statistic");
  return random.length === 1 && decides(rule) && isBare(rule, "statistic") &&
    random[0]!.options.every((option) => !option.negated) &&
    random[0]!.options.some((option) => option.name === "probability");
}

function takesRest(rule: CompiledRule): boolean {
  return decides(rule) && isBare(rule, "comment");
}

/** Nothing but this match and comments. */
function isBare({ source }: CompiledRule, match: string): boolean {
  return source.source === null && source.destination === null &&
    source.inInterface === null && source.outInterface === null &&
    source.protocol === null && source.fragment === null &&
    source.matches.every(({ name }) => name === match || name === "comment");
}

function decides(rule: CompiledRule): boolean {
  return rule.unknown === null && rule.does !== DOES.next;
}

function probability(rule: CompiledRule): number {
  const match = rule.source.matches.find(({ name }) => name === "statistic");
  return match === undefined ? 1 : statisticThreshold(match) / 0x80000000;
}

function backendOf(rule: CompiledRule, depth: number): string | undefined {
  const { backend } = rule.target;
  if (backend !== undefined) return backendText(backend.ip, backend.port);
  if (rule.to === null || depth === 0) return undefined;
  for (const next of rule.to.rules) {
    const found = backendOf(next, depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `address:port`, IPv6 in brackets. */
export function backendText(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}
