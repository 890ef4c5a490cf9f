import type { RuleTarget } from "../../core/import/iptables_rules.ts";
import type { CompiledTarget } from "./compiled_rule.ts";
import type { IpSets } from "./ip_sets.ts";

/** What a target is compiled with. */
export interface TargetEnvironment {
  readonly family: 4 | 6;
  readonly sets: IpSets;
}

/** Makes one target ready. */
export type TargetCompiler = (
  target: RuleTarget,
  environment: TargetEnvironment,
) => CompiledTarget;

/** The value of one option; undefined when it is not given. */
export function optionOf(target: RuleTarget, name: string): string | undefined {
  return target.options.find((option) => option.name === name)?.values[0];
}

/** Whether an option is given. */
export function hasOption(target: RuleTarget, name: string): boolean {
  return target.options.some((option) => option.name === name);
}
