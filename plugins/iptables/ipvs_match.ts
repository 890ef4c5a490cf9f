import { protocolNumber } from "../../core/import/iptables_save.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { RuleOption } from "../../core/import/iptables_rules.ts";
import type { Test } from "./compiled_rule.ts";
import type { VirtualServer } from "./ipvs_server.ts";
import { byOption, type MatchCompiler, negated } from "./match_compiler.ts";

/** A test of the virtual server; without one it fails, negated or not (net/netfilter/xt_ipvs.c). */
function ofServer(
  option: RuleOption,
  test: (server: VirtualServer) => boolean,
): Test {
  return ({ virtualServer }) =>
    virtualServer !== null && test(virtualServer) !== option.negated;
}

/** `-m ipvs`: what IPVS has made of a packet on its way to a real server. */
export const ipvsMatch: MatchCompiler = byOption({
  ipvs: (option) =>
    negated(option, ({ virtualServer }) => virtualServer !== null),
  vaddr: (option) => {
    const ip = Ip.of(option.values[0]!.split("/")[0]!);
    return ofServer(option, (server) => server.ip.equals(ip));
  },
  vproto: (option) => {
    const number = protocolNumber(option.values[0]!);
    return ofServer(option, ({ protocol }) => protocol === number);
  },
  vport: (option) => {
    const number = Number(option.values[0]);
    return ofServer(option, ({ port }) => port === number);
  },
});
