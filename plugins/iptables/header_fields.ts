import type {
  ChainRule,
  Negatable,
  RuleMatch,
} from "../../core/import/iptables_rules.ts";
import { protocolNumber } from "../../core/import/iptables_save.ts";
import { Cidr } from "../../core/packet/ip.ts";
import { stateBits } from "./connection_matches.ts";

/**
 * The commonest tests of a rule as plain numbers: a field compared in place
 * costs a fraction of a call to a test of its own.
 */
export interface HeaderFields {
  /** -1: any. */
  readonly protocol: number;
  /** -1: any. */
  readonly port: number;
  /** A mask of 0: any. */
  readonly destination: number;
  readonly destinationMask: number;
  readonly destinationNegated: boolean;
  readonly source: number;
  readonly sourceMask: number;
  readonly sourceNegated: boolean;
  /** Bits of which the packet's state must have one; 0: any. */
  readonly state: number;
  /** What is left of the rule, to be tested otherwise. */
  readonly rest: ChainRule;
}

/** A range of IPv4 as base and mask. */
interface Range {
  readonly base: number;
  readonly mask: number;
  readonly negated: boolean;
}

const ANY: Range = { base: 0, mask: 0, negated: false };

/** Takes out of a rule what fields can say. */
export function headerFields(rule: ChainRule, family: 4 | 6): HeaderFields {
  const protocol = plainProtocol(rule);
  const destination = family === 4 ? plainRange(rule.destination) : null;
  const source = family === 4 ? plainRange(rule.source) : null;
  let port = -1;
  let state = 0;
  const matches: RuleMatch[] = [];
  for (const match of rule.matches) {
    const exact = port === -1 && protocol >= 0 &&
        match.name === rule.protocol!.value
      ? exactPort(match)
      : -1;
    const bits = state === 0 ? plainState(match) : 0;
    if (exact >= 0) port = exact;
    else if (bits !== 0) state = bits;
    else matches.push(match);
  }
  return {
    protocol,
    port,
    destination: (destination ?? ANY).base,
    destinationMask: (destination ?? ANY).mask,
    destinationNegated: (destination ?? ANY).negated,
    source: (source ?? ANY).base,
    sourceMask: (source ?? ANY).mask,
    sourceNegated: (source ?? ANY).negated,
    state,
    rest: {
      ...rule,
      protocol: protocol >= 0 ? null : rule.protocol,
      destination: destination === null ? rule.destination : null,
      source: source === null ? rule.source : null,
      matches,
    },
  };
}

function plainProtocol({ protocol }: ChainRule): number {
  if (protocol === null || protocol.negated) return -1;
  return protocolNumber(protocol.value) ?? -1;
}

/** Null when the range has a mask that is no prefix, or is everything. */
function plainRange(address: Negatable | null): Range | null {
  if (address === null) return null;
  const cidr = Cidr.parse(address.value);
  if (cidr === undefined || cidr.length === 0) return null;
  const mask = -1 << (32 - cidr.length);
  return { base: cidr.base.w3 & mask, mask, negated: address.negated };
}

/** The port of `-m tcp --dport 80`; -1 where the match asks for anything else. */
function exactPort({ options }: RuleMatch): number {
  const [option] = options;
  if (options.length !== 1 || option!.name !== "dport" || option!.negated) {
    return -1;
  }
  const value = option!.values[0]!;
  return /^\d+$/.test(value) ? Number(value) : -1;
}

function plainState({ name, options }: RuleMatch): number {
  const [option] = options;
  const plain = options.length === 1 && !option!.negated &&
    (name === "conntrack" && option!.name === "ctstate" ||
      name === "state" && option!.name === "state");
  return plain ? stateBits(option!.values[0]!) ?? 0 : 0;
}
