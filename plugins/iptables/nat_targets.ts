import { Cidr, Ip } from "../../core/packet/ip.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import { backendText } from "./choice.ts";
import { bindSourceAs, NO_PORTS, usualPorts } from "./source_ports.ts";
import { type CompiledRule, DOES, VERDICT } from "./compiled_rule.ts";
import { hasOption, optionOf, type TargetCompiler } from "./target_compiler.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** Addresses and ports that NAT may take. */
interface NatRange {
  readonly addresses: readonly Ip[];
  readonly firstPort: number | null;
  readonly lastPort: number;
}

/** Addresses of one range that are listed as a set to pick from. */
const MOST_ADDRESSES = 256;

/** Reads `10.0.0.1-10.0.0.3:80-90`, `[fd00::1]:80`, `10.0.0.1`; null when the range is too large to list. */
function readRange(text: string): NatRange | null {
  const match = /^\[([^\]]*)\](?::([0-9-]+))?$/.exec(text) ??
    (text.includes(".") || text.startsWith(":")
      ? /^([0-9.-]*)(?::([0-9-]+))?$/.exec(text)
      : /^([0-9a-fA-F:-]*)$/.exec(text));
  const ips = (match?.[1] ?? "").split("-").filter(Boolean).map(Ip.of);
  const [firstPort, lastPort] = (match?.[2] ?? "").split("-").filter(Boolean)
    .map(Number);
  const count = ips.length < 2 ? ips.length : ips[1]!.w3 - ips[0]!.w3 + 1;
  if (count > MOST_ADDRESSES || count < 0) return null;
  return {
    addresses: Array.from({ length: count }, (_, step) => ips[0]!.plus(step)),
    firstPort: firstPort ?? null,
    lastPort: lastPort ?? firstPort ?? 0,
  };
}

/** The port kept when it lies in the range, else the first one of it for a destination, for a source one drawn from it. */
function portIn(
  range: NatRange,
  { port, packet, rule, draws }: {
    readonly port: number;
    readonly packet: TrackedPacket;
    readonly rule: CompiledRule;
    readonly draws: boolean;
  },
): number {
  const { firstPort, lastPort } = range;
  if (firstPort === null || !hasPorts(packet)) return port;
  if (firstPort === lastPort) return firstPort;
  if (port >= firstPort && port <= lastPort) return port;
  if (!draws) return firstPort;
  const draw = packet.context.draw(`${rule.name} port`);
  return firstPort + draw % (lastPort - firstPort + 1);
}

function hasPorts({ protocol }: TrackedPacket): boolean {
  return protocol !== PROTOCOL.icmp && protocol !== PROTOCOL.icmpv6;
}

const destination: TargetCompiler = (target) => {
  const text = optionOf(target, "to-destination");
  const range = text === undefined ? null : readRange(text);
  if (range === null) {
    return { does: DOES.unknown, unknown: "target DNAT to such a range" };
  }
  const { addresses, firstPort, lastPort } = range;
  const [only] = addresses;
  const draws = hasOption(target, "random");
  if (addresses.length === 1 && firstPort !== null && firstPort === lastPort) {
    const to = { ip: only!, port: firstPort };
    return {
      does: DOES.decide,
      destination: only!,
      backend: { ip: only!.text, port: firstPort },
      apply: (packet, rule) =>
        bindDestination(
          packet,
          rule,
          hasPorts(packet) ? to : {
            ip: only!,
            port: packet.destinationPort,
          },
        ),
    };
  }
  return {
    does: DOES.decide,
    apply: (packet, rule) => {
      const port = portIn(range, {
        port: packet.destinationPort,
        packet,
        rule,
        draws,
      });
      if (addresses.length === 0) {
        return bindDestination(packet, rule, { ip: packet.destination, port });
      }
      const pick = addresses.length === 1
        ? 0
        : packet.context.draw(rule.name) % addresses.length;
      packet.context.pickedFrom(addresses.map((ip) => ({
        backend: backendText(ip.text, port),
        weight: 1 / addresses.length,
      })));
      return bindDestination(packet, rule, { ip: addresses[pick]!, port });
    },
  };
};

function bindDestination(
  packet: TrackedPacket,
  rule: CompiledRule,
  to: { readonly ip: Ip; readonly port: number },
): number {
  packet.context.conntrack.bindDestination(packet.connection!, to);
  packet.rule = rule;
  return VERDICT.accept;
}

/** nf_nat_redirect.c: the address of the interface it came in by, or loopback for the host's own. */
const redirect: TargetCompiler = (target, { family }) => {
  const range = readRange(`:${optionOf(target, "to-ports") ?? ""}`);
  if (range === null) {
    return { does: DOES.unknown, unknown: "target REDIRECT to such ports" };
  }
  const draws = hasOption(target, "random");
  return {
    does: DOES.decide,
    apply: (packet, rule) => {
      const { hook, inInterface } = packet.context;
      const ip = packet.host.addressOf(
        hook === "output" ? "lo" : inInterface,
        family,
      );
      if (ip === undefined) {
        packet.unknown = `the address of interface ${inInterface}`;
        packet.rule = rule;
        return VERDICT.unknown;
      }
      packet.rule = rule;
      if (ip === null) return VERDICT.drop;
      const port = portIn(range, {
        port: packet.destinationPort,
        packet,
        rule,
        draws,
      });
      return bindDestination(packet, rule, { ip, port });
    },
  };
};

const source: TargetCompiler = (target) => {
  const range = readRange(optionOf(target, "to-source") ?? "");
  if (range === null) {
    return { does: DOES.unknown, unknown: "target SNAT to such a range" };
  }
  return {
    does: DOES.decide,
    apply: (packet, rule) => {
      const { addresses } = range;
      const ip = addresses.length === 0
        ? packet.source
        : addresses.length === 1
        ? addresses[0]!
        : addresses[packet.context.draw(rule.name) % addresses.length]!;
      return bindSource(packet, rule, {
        ip,
        port: portIn(range, {
          port: packet.sourcePort,
          packet,
          rule,
          draws: true,
        }),
      }, range);
    },
  };
};

/** nf_nat_masquerade.c: without an address to take, the packet is dropped. */
const masquerade: TargetCompiler = (target, { family }) => {
  const range = readRange(`:${optionOf(target, "to-ports") ?? ""}`);
  if (range === null) {
    return { does: DOES.unknown, unknown: "target MASQUERADE to such ports" };
  }
  return {
    does: DOES.decide,
    apply: (packet, rule) => {
      const ip = packet.context.outAddress(family);
      packet.rule = rule;
      if (ip === undefined) return VERDICT.drop;
      return bindSource(packet, rule, {
        ip,
        port: portIn(range, {
          port: packet.sourcePort,
          packet,
          rule,
          draws: true,
        }),
      }, range);
    },
  };
};

/** xt_NETMAP.c: the bits of the network are replaced, those of the host stay. */
const netmap: TargetCompiler = (target, { family }) => {
  const to = Cidr.parse(optionOf(target, "to") ?? "");
  if (to === undefined || to.base.family !== family) {
    return { does: DOES.unknown, unknown: "target NETMAP to such a network" };
  }
  return {
    does: DOES.decide,
    apply: (packet, rule) => {
      const { hook } = packet.context;
      return hook === "prerouting" || hook === "output"
        ? bindDestination(packet, rule, {
          ip: mapped(packet.destination, to),
          port: packet.destinationPort,
        })
        : bindSource(packet, rule, {
          ip: mapped(packet.source, to),
          port: packet.sourcePort,
        });
    },
  };
};

function mapped(ip: Ip, { base, length }: Cidr): Ip {
  const word = (own: number, other: number, index: number) => {
    const bits = Math.max(0, Math.min(32, length - index * 32));
    const mask = bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0;
    return ((other & mask) | (own & ~mask)) >>> 0;
  };
  return ip.family === 4 ? Ip.v4(word(ip.w3, base.w3, 0)) : Ip.v6(
    word(ip.w0, base.w0, 0),
    word(ip.w1, base.w1, 1),
    word(ip.w2, base.w2, 2),
    word(ip.w3, base.w3, 3),
  );
}

function bindSource(
  packet: TrackedPacket,
  rule: CompiledRule,
  to: { readonly ip: Ip; readonly port: number },
  range: NatRange | null = null,
): number {
  bindSourceAs(packet, {
    ...to,
    range: range === null || range.firstPort === null
      ? usualPorts(packet, to.port)
      : onlyPort(range)
      ? NO_PORTS
      : {
        first: range.firstPort,
        count: range.lastPort - range.firstPort + 1,
      },
  });
  packet.rule = rule;
  return VERDICT.accept;
}

function onlyPort({ firstPort, lastPort }: NatRange): boolean {
  return firstPort === lastPort;
}

/** Targets of the nat table. */
export const NAT_TARGETS: Readonly<Record<string, TargetCompiler>> = {
  DNAT: destination,
  REDIRECT: redirect,
  SNAT: source,
  MASQUERADE: masquerade,
  NETMAP: netmap,
};
