import type { RuleMatch } from "../../core/import/iptables_rules.ts";
import { ADDRESS_MATCHES } from "./address_matches.ts";
import { CONNECTION_MATCHES } from "./connection_matches.ts";
import { HEADER_MATCHES } from "./header_matches.ts";
import { ipvsMatch } from "./ipvs_match.ts";
import { BYTE_MATCHES } from "./byte_matches.ts";
import type {
  CompiledMatch,
  MatchCompiler,
  MatchEnvironment,
} from "./match_compiler.ts";
import { LINK_MATCHES } from "./link_matches.ts";
import { reversePath } from "./reverse_path_match.ts";
import { setMatch } from "./set_match.ts";
import { STATEFUL_MATCHES } from "./stateful_matches.ts";

/** Every match that is modelled, by name. A new one is one more entry. */
const MATCHES: Readonly<Record<string, MatchCompiler>> = {
  comment: () => null,
  ...HEADER_MATCHES,
  ...ADDRESS_MATCHES,
  ...CONNECTION_MATCHES,
  ...STATEFUL_MATCHES,
  ipvs: ipvsMatch,
  ...BYTE_MATCHES,
  ...LINK_MATCHES,
  rpfilter: reversePath,
  set: setMatch,
};

/** Compiles one match; an unmodelled one says so. */
export function compileMatch(
  match: RuleMatch,
  environment: MatchEnvironment,
): CompiledMatch {
  const compiler = Object.hasOwn(MATCHES, match.name)
    ? MATCHES[match.name]!
    : undefined;
  return compiler === undefined
    ? { unknown: `match ${match.name}` }
    : compiler(match, environment);
}
