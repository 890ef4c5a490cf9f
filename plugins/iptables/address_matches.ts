import type { RuleOption } from "../../core/import/iptables_rules.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { rangeTest } from "./address_match.ts";
import type { Test } from "./compiled_rule.ts";
import type { Host } from "./host.ts";
import {
  allOf,
  byOption,
  type MatchCompiler,
  type MatchEnvironment,
  negated,
} from "./match_compiler.ts";

/** Types of addresses that follow from the address and the host alone. */
const ADDRESS_TYPES: Readonly<
  Record<string, (ip: Ip, host: Host) => boolean>
> = {
  LOCAL: (ip, host) => host.isLocal(ip),
  MULTICAST: isMulticast,
  BROADCAST: isBroadcast,
  UNICAST: (ip, host) =>
    !host.isLocal(ip) && !isMulticast(ip) && !isBroadcast(ip),
};

function isMulticast(ip: Ip): boolean {
  return ip.family === 4 ? ip.w3 >>> 28 === 14 : ip.w0 >>> 24 === 0xff;
}

/** Broadcast addresses of subnets are not known: masks of links are not modelled. */
function isBroadcast(ip: Ip): boolean {
  return ip.family === 4 && ip.w3 === 0xffffffff;
}

/**
 * net/netfilter/xt_addrtype.c. With `--limit-iface-*` an address is local
 * only when it is one of that interface's.
 */
const addressType: MatchCompiler = (match, environment) => {
  const limit = match.options.find((option) =>
    option.name.startsWith("limit-iface")
  );
  const tests: Test[] = [];
  for (const option of match.options) {
    if (option === limit) continue;
    const types = option.values[0]!.split(",");
    const unmodelled = types.find((type) => !(type in ADDRESS_TYPES));
    if (unmodelled !== undefined) {
      return { unknown: `address type ${unmodelled}` };
    }
    tests.push(typeTest(option, { types, limit, environment }));
  }
  return allOf(tests);
};

function typeTest(
  option: RuleOption,
  { types, limit, environment }: {
    readonly types: readonly string[];
    readonly limit: RuleOption | undefined;
    readonly environment: MatchEnvironment;
  },
): Test {
  const { host } = environment;
  const side = option.name === "src-type" ? "source" : "destination";
  if (types.length === 1 && types[0] === "LOCAL" && limit === undefined) {
    return negated(option, (packet) => host.isLocal(packet[side]));
  }
  const onInterface = limit?.name === "limit-iface-in"
    ? "inInterface"
    : "outInterface";
  return negated(option, (packet) => {
    const ip = packet[side];
    return types.some((type) =>
      type === "LOCAL" && limit !== undefined
        ? host.isLocalTo(ip, packet.context[onInterface]) === true
        : ADDRESS_TYPES[type]!(ip, host)
    );
  });
}

/** Matches that look at addresses. */
export const ADDRESS_MATCHES: Readonly<Record<string, MatchCompiler>> = {
  addrtype: addressType,
  iprange: byOption({
    "src-range": (option) => {
      const test = rangeTest(option.values[0]!);
      return negated(option, (packet) => test(packet.source));
    },
    "dst-range": (option) => {
      const test = rangeTest(option.values[0]!);
      return negated(option, (packet) => test(packet.destination));
    },
  }),
};
