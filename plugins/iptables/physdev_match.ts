import { byOption, type MatchCompiler } from "./match_compiler.ts";

/** `-m physdev --physdev-is-in`: packets of routed links have come by no port of a bridge (net/netfilter/xt_physdev.c). */
export const physicalDevice: MatchCompiler = byOption({
  "physdev-is-in": ({ negated }) => negated ? null : () => false,
  "physdev-is-out": ({ negated }) => negated ? null : () => false,
});
