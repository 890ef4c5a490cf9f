import type { ChainRule, Negatable } from "../../core/import/iptables_rules.ts";
import { protocolNumber } from "../../core/import/iptables_save.ts";
import { negatableTest } from "./address_match.ts";
import type { Test } from "./compiled_rule.ts";
import type { InterfaceMatch } from "./host.ts";

/** Something of a rule that is not modelled, and the packets it leaves in doubt; null: all. */
export interface Doubt {
  readonly reason: string;
  readonly when: Test | null;
}

/** Which interfaces a name means. */
export type Interfaces = (pattern: string) => InterfaceMatch;

/** The tests of a rule outside of its matches; returns what is not modelled of them. */
export function baseTests(
  rule: ChainRule,
  tests: Test[],
  interfaces: Interfaces,
): readonly Doubt[] {
  const { source, destination, protocol } = rule;
  if (protocol !== null) {
    const number = protocolNumber(protocol.value);
    tests.push(
      protocol.negated
        ? (packet) => packet.protocol !== number
        : (packet) => packet.protocol === number,
    );
  }
  if (destination !== null) {
    const test = negatableTest(destination);
    tests.push((packet) => test(packet.destination));
  }
  if (source !== null) {
    const test = negatableTest(source);
    tests.push((packet) => test(packet.source));
  }
  // With connection tracking, rules see datagrams put together again, and no fragment.
  if (rule.fragment !== null) {
    const { negated } = rule.fragment;
    tests.push((packet) => packet.laterFragment !== negated);
  }
  const on = (side: "inInterface" | "outInterface") =>
    interfaceTest(rule[side], tests, { side, interfaces });
  return [...on("inInterface"), ...on("outInterface")];
}

/** An interface that may be meant leaves packets of it in doubt, and no others. */
function interfaceTest(
  given: Negatable | null,
  tests: Test[],
  { side, interfaces }: {
    readonly side: "inInterface" | "outInterface";
    readonly interfaces: Interfaces;
  },
): readonly Doubt[] {
  if (given === null) return [];
  const { test, unknown } = interfaces(given.value);
  const through: Test = (packet) => test(packet.context[side]);
  if (!given.negated) tests.push(through);
  else if (unknown === null) tests.push((packet) => !through(packet));
  return unknown === null ? [] : [{ reason: unknown, when: through }];
}
