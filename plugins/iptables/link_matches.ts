import {
  type DoubtfulTest,
  type MatchCompiler,
  negated,
} from "./match_compiler.ts";
import type { Test } from "./compiled_rule.ts";
import { isMulticast } from "./address_matches.ts";

/** A match that only a host without such things can answer. */
function onBareHost(test: Test, unknown: string): DoubtfulTest {
  return {
    test: (packet) => packet.host.bare !== true || test(packet),
    unknown,
    when: (packet) => packet.host.bare !== true,
  };
}

/** xt_mac.c: a link without such addresses has no sender that matches, negated or not. */
const mac: MatchCompiler = () => ({
  test: ({ host, context }) =>
    host.bare !== true && context.inInterface !== "lo",
  unknown: "the MAC address of the sender",
  when: ({ host, context }) =>
    host.bare !== true && context.inInterface !== "lo",
});

/** xt_pkttype.c; a link without addresses brings everything as its own. */
const packetType: MatchCompiler = ({ options }) => {
  const [option] = options;
  const type = option?.values[0];
  if (option?.name !== "pkt-type" || type === undefined) {
    return { unknown: "match pkttype without a type" };
  }
  return negated(option, ({ host, destination }) => {
    const group = host.bare !== true && isMulticast(destination);
    const all = host.bare !== true && destination.w3 === 0xffffffff &&
      destination.family === 4;
    return type === (group ? "multicast" : all ? "broadcast" : "unicast");
  });
};

/**
 * xt_physdev.c, `physdev_mt`: of a packet that crossed no bridge it holds when
 * every option is negated. The engine's own links are routed; on a node that
 * somebody else set up, pods' links may be ports of a bridge.
 */
const physicalDevice: MatchCompiler = ({ options }) => {
  const holds = options.every((option) => option.negated);
  const maybeBridged: Test = ({ host, context: { inInterface } }) =>
    host.mayBridge === true && !["eth0", "lo", ""].includes(inInterface);
  return {
    test: (packet) => holds || maybeBridged(packet),
    unknown: "whether the packet crosses a bridge",
    when: maybeBridged,
  };
};

/** xt_policy.c, for a packet that no IPsec policy is about. */
const policy: MatchCompiler = ({ options }) => {
  const wanted = options.find(({ name }) => name === "pol")?.values[0];
  return onBareHost(
    () => wanted === "none",
    "which IPsec policy is about the packet",
  );
};

/** Matches that look at how the packet comes and goes. */
export const LINK_MATCHES: Readonly<Record<string, MatchCompiler>> = {
  mac,
  pkttype: packetType,
  physdev: physicalDevice,
  policy,
};
