import type {
  RuleMatch,
  RuleOption,
} from "../../core/import/iptables_rules.ts";
import type { Test } from "./compiled_rule.ts";
import type { InterfaceMatch } from "./host.ts";
import type { IpSets } from "./ip_sets.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** What a match is compiled with. */
export interface MatchEnvironment {
  readonly family: 4 | 6;
  /** Which interfaces `-i`, `-o` and their like mean by a name. */
  readonly interfaces: (pattern: string) => InterfaceMatch;
  readonly sets: IpSets;
  /** `nat KUBE-SVC-X:2`: keys counters and draws. */
  readonly ruleName: string;
}

/** One match made ready: a test, or null when it always holds; or why it is not modelled, with the packets that it leaves in doubt. */
export type CompiledMatch =
  | Test
  | null
  | { readonly unknown: string }
  | DoubtfulTest;

/** A test that cannot say of every packet. */
export interface DoubtfulTest {
  /** Whether the match holds, or may. */
  readonly test: Test;
  /** What is not known of the packets in doubt. */
  readonly unknown: string;
  /** Whether the packet is one of these. */
  readonly when: Test;
}

/** Makes one match ready. */
export type MatchCompiler = (
  match: RuleMatch,
  environment: MatchEnvironment,
) => CompiledMatch;

/** A test whose answer may be that it is not known: undefined. */
export function doubtful(
  answer: (packet: TrackedPacket) => boolean | undefined,
  unknown: string,
): DoubtfulTest {
  return {
    test: (packet) => answer(packet) !== false,
    unknown,
    when: (packet) => answer(packet) === undefined,
  };
}

/** Turns a test round when its option is negated. */
export function negated(option: RuleOption, test: Test): Test {
  return option.negated ? (packet) => !test(packet) : test;
}

/** The one value of an option; undefined when it is not given. */
export function optionValue(
  { options }: RuleMatch,
  name: string,
): string | undefined {
  return options.find((option) => option.name === name)?.values[0];
}

/** The first option that is none of these; undefined when all are. */
export function otherOption(
  { options }: RuleMatch,
  names: ReadonlySet<string>,
): RuleOption | undefined {
  return options.find(({ name }) => !names.has(name));
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
