import type { RuleOption } from "../../core/import/iptables_rules.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { rangeTest } from "./address_match.ts";
import type { Test } from "./compiled_rule.ts";
import {
  allOf,
  byOption,
  type MatchCompiler,
  negated,
} from "./match_compiler.ts";

/** Types of addresses that follow from the address and whether it is local. */
const ADDRESS_TYPES: Readonly<
  Record<string, (ip: Ip, local: boolean) => boolean>
> = {
  LOCAL: (_, local) => local,
  MULTICAST: isMulticast,
  BROADCAST: isBroadcast,
  UNICAST: (ip, local) => !local && !isMulticast(ip) && !isBroadcast(ip),
};

/** Whether an address is a group's. */
export function isMulticast(ip: Ip): boolean {
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
const addressType: MatchCompiler = (match) => {
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
    tests.push(typeTest(option, { types, limit }));
  }
  return allOf(tests);
};

function typeTest(
  option: RuleOption,
  { types, limit }: {
    readonly types: readonly string[];
    readonly limit: RuleOption | undefined;
  },
): Test {
  const side = option.name === "src-type" ? "source" : "destination";
  if (types.length === 1 && types[0] === "LOCAL" && limit === undefined) {
    return negated(option, (packet) => packet.host.isLocal(packet[side]));
  }
  const onInterface = limit?.name === "limit-iface-in"
    ? "inInterface"
    : "outInterface";
  return negated(option, (packet) => {
    const ip = packet[side];
    const { host } = packet;
    // An address that is another interface's is a unicast address like any other (__inet_dev_addr_type).
    const local = limit === undefined
      ? host.isLocal(ip)
      : host.isLocalTo(ip, packet.context[onInterface]) === true;
    return types.some((type) => ADDRESS_TYPES[type]!(ip, local));
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
