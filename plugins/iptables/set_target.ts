import { DOES, VERDICT } from "./compiled_rule.ts";
import type { TargetCompiler } from "./target_compiler.ts";

/** `-j SET --add-set NAME src`: what a rule adds, the next one may match (xt_set.c). */
export const setTarget: TargetCompiler = (target, { sets }) => {
  const option = target.options.find(({ name }) =>
    name === "add-set" || name === "del-set"
  );
  const other = target.options.find((one) =>
    one !== option && one.name !== "exist"
  );
  if (option === undefined || other !== undefined) {
    return {
      does: DOES.unknown,
      unknown: `option --${other?.name ?? "map-set"} of target SET`,
    };
  }
  const [name, directions] = option.values;
  const change = sets.change(
    name!,
    directions!.split(","),
    option.name === "add-set",
  );
  if (typeof change !== "function") {
    return {
      does: DOES.unknown,
      unknown: change ?? `set ${name}, which is not loaded`,
    };
  }
  return {
    does: DOES.next,
    apply: (packet) => {
      change(packet);
      return VERDICT.accept;
    },
  };
};
