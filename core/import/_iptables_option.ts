import type { RuleOption } from "./iptables_rules.ts";
import type { ValueSyntax } from "./_iptables_values.ts";

/** How one option of a match or target is written. */
export interface OptionSyntax {
  /** Without its dashes. */
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly values: readonly ValueSyntax[];
}

/** A match or target whose options are known; they are printed in this order. */
export interface ExtensionSyntax {
  readonly options: readonly OptionSyntax[];
  /** Rewrites options into those that the kernel's tools print. */
  readonly canonical?: (
    options: readonly RuleOption[],
    family: 4 | 6,
  ) => readonly RuleOption[];
}

/** An option with the values that follow it. */
export function option(
  name: string,
  values: readonly ValueSyntax[],
  ...aliases: readonly string[]
): OptionSyntax {
  return { name, values, aliases };
}

/** An option as it is printed. */
export function plain(name: string, ...values: readonly string[]): RuleOption {
  return { name, negated: false, values };
}

/** Whether an option is given. */
export function hasOption(
  options: readonly RuleOption[],
  name: string,
): boolean {
  return options.some((one) => one.name === name);
}

/** Adds an option that is printed also where nobody wrote it. */
export function withDefault(
  options: readonly RuleOption[],
  name: string,
  ...values: readonly string[]
): readonly RuleOption[] {
  return hasOption(options, name)
    ? options
    : [...options, plain(name, ...values)];
}
