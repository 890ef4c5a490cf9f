import { invariant } from "../../core/errors.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import { backendText } from "./choice.ts";
import type { Chain } from "./chain.ts";
import { type CompiledRule, DOES, VERDICT } from "./compiled_rule.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** Calls within calls; loops are refused when rules are loaded, so chains bound it. */
const DEEPEST_CALL = 1_024;

/** Steps between rules, for rule sets whose calls multiply. */
const MOST_STEPS = 1_000_000;

/** Told of each rule that matched; -1 for the policy. For tests and tools that count as the kernel counts. */
export type HitObserver = (chain: Chain, rule: number) => void;

/**
 * Takes packets through the chains of a table, as ip_tables.c `ipt_do_table`
 * does. One object a node: the stack of calls is reused.
 */
export class Traversal {
  readonly #chains: Chain[] = [];
  readonly #returns: number[] = [];
  readonly #onHit: HitObserver | null;
  #depth = 0;
  /** Whether a choice has said which backends there were. */
  #reported = false;

  constructor(onHit: HitObserver | null = null) {
    this.#onHit = onHit;
  }

  /** Runs a base chain; the verdict's rule is `packet.rule`, null for a policy. Charges every rule that the kernel would have scanned. */
  run(base: Chain, packet: TrackedPacket): number {
    this.#depth = 0;
    this.#reported = false;
    packet.rule = null;
    let chain = base;
    let next = 0;
    let scanned = 0;
    for (let step = 0; step < MOST_STEPS; step++) {
      if (!chain.opened) chain.open();
      const { length, index } = chain;
      const at = index === null ? next : index.next(next, packet);
      scanned += at - next;
      if (at >= length) {
        if (this.#depth === 0) return this.#policy(base, packet, scanned);
        chain = this.#chains[--this.#depth]!;
        next = this.#returns[this.#depth]!;
        continue;
      }
      scanned++;
      let rule = chain.rule(at);
      next = at + 1;
      const { choice } = rule;
      if (choice !== null) {
        const pick = choice.pick(packet.context);
        if (choice.picksBackend) this.#reported = true;
        scanned += Math.min(pick, choice.end - 1) - at;
        next = pick === choice.end ? pick : pick + 1;
        if (pick === choice.end) continue;
        rule = chain.rule(pick);
      } else if (!rule.matches(packet)) {
        continue;
      }
      if (rule.unknown !== null && isInDoubt(rule, packet)) {
        return decided(packet, rule, scanned, VERDICT.unknown);
      }
      if (this.#onHit !== null) this.#onHit(chain, rule.index);
      if (rule.does === DOES.lookup) {
        const found = rule.target.lookup!(packet);
        if (found === null) continue;
        if (rule.target.reportsBackends === true) this.#reported = true;
        rule = found;
      }
      switch (rule.does) {
        case DOES.next:
          rule.target.apply?.(packet, rule);
          continue;
        case DOES.jump:
          if (rule.to!.length === 0) continue;
          invariant(this.#depth < DEEPEST_CALL, "chains call too deeply");
          this.#chains[this.#depth] = chain;
          this.#returns[this.#depth++] = next;
          chain = rule.to!;
          next = 0;
          continue;
        case DOES.goto:
          // Whoever called the chain that is left is returned to.
          chain = rule.to!;
          next = 0;
          continue;
        case DOES.return:
          if (this.#depth === 0) return this.#policy(base, packet, scanned);
          chain = this.#chains[--this.#depth]!;
          next = this.#returns[this.#depth]!;
          continue;
        case DOES.accept:
          return decided(packet, rule, scanned, VERDICT.accept);
        case DOES.drop:
          return decided(packet, rule, scanned, VERDICT.drop);
        case DOES.reject:
          return decided(packet, rule, scanned, VERDICT.reject);
        case DOES.decide: {
          charge(packet, scanned);
          const verdict = rule.target.apply!(packet, rule);
          if (verdict === VERDICT.accept) this.#reportPick(packet, rule, chain);
          return verdict;
        }
        default:
          return decided(packet, rule, scanned, VERDICT.unknown);
      }
    }
    packet.unknown = "more steps than are followed";
    charge(packet, scanned);
    return VERDICT.unknown;
  }

  #policy(base: Chain, packet: TrackedPacket, scanned: number): number {
    charge(packet, scanned);
    if (this.#onHit !== null) this.#onHit(base, -1);
    return base.policyDrops ? VERDICT.drop : VERDICT.accept;
  }

  /** A destination that one of several alternatives led to is reported with all of them. */
  #reportPick(
    packet: TrackedPacket,
    rule: CompiledRule,
    chain: Chain,
  ): void {
    const { backend } = rule.target;
    if (backend === undefined || this.#reported) return;
    packet.context.pickedFrom(
      backendsOf(chain, rule) ?? this.#callersBackends(rule) ?? ownSet(rule),
    );
  }

  #callersBackends(
    rule: CompiledRule,
  ): readonly WeightedBackend[] | undefined {
    for (let depth = this.#depth - 1; depth >= 0; depth--) {
      const found = backendsOf(this.#chains[depth]!, rule);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function backendsOf(
  chain: Chain,
  rule: CompiledRule,
): readonly WeightedBackend[] | undefined {
  const set = ownSet(rule);
  for (const choice of chain.choices) {
    if (choice.has(set[0]!.backend)) return choice.backends;
  }
  return undefined;
}

function ownSet(rule: CompiledRule): readonly WeightedBackend[] {
  const { ip, port } = rule.target.backend!;
  return rule.only ??= [{ backend: backendText(ip, port), weight: 1 }];
}

function isInDoubt(rule: CompiledRule, packet: TrackedPacket): boolean {
  if (rule.doubt !== null && !rule.doubt(packet)) return false;
  packet.unknown = rule.unknown!;
  return true;
}

function decided(
  packet: TrackedPacket,
  rule: CompiledRule,
  scanned: number,
  verdict: number,
): number {
  packet.rule = rule;
  charge(packet, scanned);
  return verdict;
}

function charge(packet: TrackedPacket, scanned: number): void {
  if (scanned > 0) packet.context.charge("rules", scanned);
}
