import type { Rule, SourcePosition } from "../../core/source.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type { Action } from "../../core/replay/plugin.ts";
import type { Choice } from "./choice.ts";
import type { Chain } from "./chain.ts";
import type { HeaderFields } from "./header_fields.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** What one match of a rule says of a packet. */
export type Test = (packet: TrackedPacket) => boolean;

/** What a rule does once it matches. */
export const DOES = {
  /** Goes on with the next rule, after `apply` if there is one. */
  next: 0,
  jump: 1,
  goto: 2,
  return: 3,
  accept: 4,
  drop: 5,
  reject: 6,
  /** Calls `apply` for the verdict. */
  decide: 7,
  unknown: 8,
  /** Calls `lookup` for the rule that decides; none: goes on. */
  lookup: 9,
} as const;

/** How a table's traversal ended. */
export const VERDICT = { accept: 0, drop: 1, reject: 2, unknown: 3 } as const;

/** What a target does: the code, and the part that needs the packet. */
export interface CompiledTarget {
  readonly does: number;
  /** Returns a verdict when `does` is `decide`. */
  readonly apply?: (packet: TrackedPacket, rule: CompiledRule) => number;
  /** The verdict that a packet finds in a map. */
  readonly lookup?: (packet: TrackedPacket) => CompiledRule | null;
  /** The lookup itself says which backends there were. */
  readonly reportsBackends?: boolean;
  readonly rejectWith?: "icmp-unreachable" | "tcp-reset";
  /** Where it sends, for the set that a choice picks from. */
  readonly backend?: { readonly ip: string; readonly port: number };
  /** The one address and port that it sends everything to. */
  readonly destination?: Ip;
  /** Why the target is not modelled. */
  readonly unknown?: string;
}

/** Leaves out what is in doubt. */
function whenCertain(test: Test | null, doubt: Test | null): Test {
  return doubt === null
    ? () => false
    : (packet) => (test === null || test(packet)) && !doubt(packet);
}

/** One rule of a chain, ready to run. */
export class CompiledRule {
  readonly chain: Chain;
  /** Position in its chain; -1 for a verdict of a map. */
  readonly index: number;
  readonly at: SourcePosition | null;
  readonly #text: () => string;
  readonly #test: Test | null;
  readonly #protocol: number;
  readonly #port: number;
  readonly #destination: number;
  readonly #destinationMask: number;
  readonly #from: number;
  readonly #fromMask: number;
  readonly #notTo: boolean;
  readonly #notFrom: boolean;
  readonly #state: number;
  readonly does: number;
  readonly target: CompiledTarget;
  /** The chain a jump or goto leads to. */
  readonly to: Chain | null;
  /** What of the rule is not modelled; it matters only once everything else holds. */
  readonly unknown: string | null;
  /** Packets that the unmodelled part leaves in doubt; null: all. */
  readonly doubt: Test | null;
  /** The set of one, for a destination that nothing chose. */
  only: readonly WeightedBackend[] | null = null;
  /** Random choice that begins with this rule. */
  choice: Choice | null = null;
  #rule: Rule | null = null;
  #name: string | null = null;
  #rewrite: Action | null = null;

  constructor(init: {
    readonly chain: Chain;
    readonly index: number;
    /** The rule as its own tools print it. */
    readonly text: () => string;
    readonly at: SourcePosition | null;
    readonly fields: HeaderFields;
    /** What fields do not say; null: nothing. */
    readonly test: Test | null;
    readonly target: CompiledTarget;
    readonly to: Chain | null;
    readonly unknown: string | null;
    readonly doubt: Test | null;
  }) {
    this.chain = init.chain;
    this.index = init.index;
    this.#text = init.text;
    this.at = init.at;
    this.target = init.target;
    this.to = init.to;
    this.does = init.target.does;
    // A rule that only counts or logs decides nothing, whatever it may match.
    const idle = init.unknown !== null && this.does === DOES.next &&
      init.target.apply === undefined;
    this.#test = idle ? whenCertain(init.test, init.doubt) : init.test;
    const { fields } = init;
    this.#protocol = fields.protocol;
    this.#port = fields.port;
    this.#destination = fields.destination;
    this.#destinationMask = fields.destinationMask;
    this.#from = fields.source;
    this.#fromMask = fields.sourceMask;
    this.#notTo = fields.destinationNegated;
    this.#notFrom = fields.sourceNegated;
    this.#state = fields.state;
    this.unknown = idle ? null : init.unknown;
    this.doubt = init.doubt;
  }

  /** Whether everything holds that the rule asks of a packet. */
  matches(packet: TrackedPacket): boolean {
    if (this.#protocol !== -1 && this.#protocol !== packet.protocol) {
      return false;
    }
    if (this.#port !== -1 && this.#port !== packet.destinationPort) {
      return false;
    }
    if (this.#state !== 0 && (this.#state & packet.state) === 0) return false;
    if (
      this.#destinationMask !== 0 &&
      ((packet.destination.w3 & this.#destinationMask) ===
          this.#destination) ===
        this.#notTo
    ) {
      return false;
    }
    if (
      this.#fromMask !== 0 &&
      ((packet.source.w3 & this.#fromMask) === this.#from) === this.#notFrom
    ) {
      return false;
    }
    return this.#test === null || this.#test(packet);
  }

  /** What happens to a packet for a port; null where that depends on more than the rule. Made once. */
  rewriteFor({ protocol }: Packet): Action | null {
    const { destination, backend } = this.target;
    if (destination === undefined || backend === undefined) return null;
    if (protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmpv6) return null;
    return this.#rewrite ??= {
      kind: "rewrite",
      change: { destination, destinationPort: backend.port },
      rule: this.cited,
    };
  }

  /** `nat KUBE-SERVICES:3`. */
  get name(): string {
    const { table, name } = this.chain;
    return this.#name ??= this.index < 0
      ? `${table} ${name}`
      : `${table} ${name}:${this.index + 1}`;
  }

  /** The rule as hops cite it: made when first asked for, then the same object. */
  get cited(): Rule {
    return this.#rule ??= {
      name: this.name,
      text: this.#text(),
      ...(this.at === null ? {} : { source: this.at }),
    };
  }
}
