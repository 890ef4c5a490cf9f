import { type MatchCompiler, negated } from "./match_compiler.ts";

/** `-m set --match-set NAME src,dst`. */
export const setMatch: MatchCompiler = (match, { sets }) => {
  const option = match.options.find(({ name }) => name === "match-set");
  if (option === undefined || match.options.length > 1) {
    return { unknown: "match set with more than --match-set" };
  }
  const [name, directions] = option.values;
  const test = sets.test(name!, directions!.split(","));
  if (test === undefined) {
    return { unknown: `set ${name}, which is not loaded` };
  }
  return typeof test === "string" ? { unknown: test } : negated(option, test);
};
