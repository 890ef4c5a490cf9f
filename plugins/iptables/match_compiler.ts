import type {
  RuleMatch,
  RuleOption,
} from "../../core/import/iptables_rules.ts";
import type { Test } from "./compiled_rule.ts";
import type { InterfaceMatch } from "./host.ts";
import type { IpSets } from "./ip_sets.ts";

/** What a match is compiled with. */
export interface MatchEnvironment {
  readonly family: 4 | 6;
  /** Which interfaces `-i`, `-o` and their like mean by a name. */
  readonly interfaces: (pattern: string) => InterfaceMatch;
  readonly sets: IpSets;
  /** `nat KUBE-SVC-X:2`: keys counters and draws. */
  readonly ruleName: string;
}

/**
 * One match made ready: a test, null when it always holds, or why it is not
 * modelled.
 */
export type MatchCompiler = (
  match: RuleMatch,
  environment: MatchEnvironment,
) => Test | null | { readonly unknown: string };

/** Turns a test round when its option is negated. */
export function negated(option: RuleOption, test: Test): Test {
  return option.negated ? (packet) => !test(packet) : test;
}

/** Holds when all hold. */
export function allOf(tests: readonly Test[]): Test | null {
  const [a, b, c] = tests;
  if (a === undefined) return null;
  if (b === undefined) return a;
  if (c === undefined) return (packet) => a(packet) && b(packet);
  if (tests.length === 3) {
    return (packet) => a(packet) && b(packet) && c(packet);
  }
  return (packet) => {
    for (let index = 0; index < tests.length; index++) {
      if (!tests[index]!(packet)) return false;
    }
    return true;
  };
}

/** Compiles a match whose options are independent tests, all of which must hold. */
export function byOption(
  compilers: Readonly<
    Record<
      string,
      (option: RuleOption, environment: MatchEnvironment) => Test | null
    >
  >,
): MatchCompiler {
  return (match, environment) => {
    const tests: Test[] = [];
    for (const option of match.options) {
      const compiler = Object.hasOwn(compilers, option.name)
        ? compilers[option.name]!
        : undefined;
      if (compiler === undefined) {
        return { unknown: `option --${option.name} of match ${match.name}` };
      }
      const test = compiler(option, environment);
      if (test !== null) tests.push(test);
    }
    return allOf(tests);
  };
}
