import type { MatchCompiler } from "./match_compiler.ts";

/** Options that change nothing here: marks do not route, and the node's own addresses are no sources off a wire. */
const WITHOUT_EFFECT = new Set(["validmark", "accept-local"]);

/**
 * ipt_rpfilter.c: whether what goes to the source would leave by the interface
 * that the packet came in by.
 */
export const reversePath: MatchCompiler = ({ options }) => {
  const given = (name: string) => options.some((one) => one.name === name);
  const inverted = given("invert");
  const loose = given("loose");
  const other = options.find(({ name }) =>
    name !== "invert" && name !== "loose" && !WITHOUT_EFFECT.has(name)
  );
  if (other !== undefined) {
    return { unknown: `option --${other.name} of match rpfilter` };
  }
  return ({ host, source, context }) => {
    const link = host.linkTo(source, context);
    const holds = context.inInterface === "lo" ||
      (link !== null && (loose || link === context.inInterface));
    return holds !== inverted;
  };
};
