import type { PolicyRule } from "../../core/policy/policy.ts";
import {
  PLAIN_RULE,
  type PolicyDirection,
  type PortMatch,
  type RuleVerdict,
} from "../../core/policy/policy.ts";
import type { PeerMatch } from "../../core/policy/party.ts";
import type { Cidr } from "../../core/packet/ip.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import type {
  Mapping,
  Path,
  SpecReader,
} from "../../core/policy/spec_reader.ts";
import { readCiliumPeers } from "./cilium_peers.ts";
import type { ReadContext, ReadNotes } from "./cilium_policy.ts";
import { readL7 } from "./cilium_l7.ts";

/** Where a rule is and what it is for. */
export interface RuleContext extends ReadContext {
  readonly path: Path;
  readonly namespace: string | null;
  readonly direction: PolicyDirection;
  readonly verdict: RuleVerdict;
  readonly prefixes: Cidr[];
  /** Its subjects are nodes. */
  readonly isHost: boolean;
  /** Why the agent refuses the object. */
  readonly refusals: string[];
  readonly notes: ReadNotes;
  /** What narrows the rules of the subjects. */
  readonly requires: Record<PolicyDirection, PeerMatch[]>;
}

/** Reads one entry of a section; it makes a rule for each entry of its `toPorts`. */
export function readCiliumRule(
  reader: SpecReader,
  item: unknown,
  context: RuleContext,
): PolicyRule[] {
  const { path, direction, verdict } = context;
  const fields = reader.mapping(item, path) ?? {};
  const peers = readCiliumPeers(reader, fields, context);
  if (peers.refused !== null) {
    context.refusals.push(`${path.join(".")}: ${peers.refused}`);
    return [];
  }
  context.requires[direction].push(...peers.requires);
  const rule = {
    ...PLAIN_RULE,
    direction,
    verdict,
    peers: peers.peers,
    authentication: authenticationOf(reader, fields, path),
    unmodelled: peers.unmodelled,
    constrained: peers.constrained,
    rule: reader.rule(path, `${path.slice(-2)[0]}[${path.at(-1)}]`),
  };
  const toPorts = reader.list(fields["toPorts"], [...path, "toPorts"]);
  const icmps = reader.list(fields["icmps"], [...path, "icmps"]);
  if (icmps.length > 0) {
    if (toPorts.length > 0) {
      context.refusals.push(`${path.join(".")}: icmps beside toPorts`);
      return [];
    }
    const ports = icmps.flatMap((one, at) =>
      readIcmp(reader, one, [...path, "icmps", at])
    );
    return [{ ...rule, ports }];
  }
  if (toPorts.length === 0) return [{ ...rule, ports: null }];
  return toPorts.map((one, at) => {
    const below = [...path, "toPorts", at];
    const entry = reader.mapping(one, below) ?? {};
    return {
      ...rule,
      ports: readPorts(reader, entry, below),
      l7: readL7(reader, entry, {
        path: below,
        rule: rule.rule,
        direction,
        isHost: context.isHost,
        refuse: (why) => context.refusals.push(`${below.join(".")}: ${why}`),
      }),
    };
  });
}

function authenticationOf(
  reader: SpecReader,
  fields: Mapping,
  path: Path,
): string | null {
  const below = [...path, "authentication"];
  const mode = reader.word(
    reader.mapping(fields["authentication"], below, ["mode"])?.["mode"],
    [...below, "mode"],
    ["disabled", "required", "test-always-fail"],
  );
  return mode === undefined || mode === "disabled" ? null : mode;
}

/** Null: no port is named, all are meant. */
function readPorts(
  reader: SpecReader,
  entry: Mapping,
  path: Path,
): PortMatch[] | null {
  const list = reader.list(entry["ports"], [...path, "ports"]);
  if (list.length === 0) return null;
  return list.flatMap((one, at) =>
    readPort(reader, one, [...path, "ports", at])
  );
}

function readPort(
  reader: SpecReader,
  item: unknown,
  path: Path,
): PortMatch[] {
  const fields = reader.mapping(item, path, ["port", "endPort", "protocol"]) ??
    {};
  const name = reader.word(fields["protocol"], [...path, "protocol"], [
    "TCP",
    "UDP",
    "SCTP",
    "ANY",
    "ICMP",
    "ICMPv6",
  ]) ?? "ANY";
  const protocol = name === "ANY" ? null : PROTOCOLS[name];
  const text = `${fields["port"] ?? ""}`;
  if (/^\d+$/.test(text)) {
    const port = reader.integer(Number(text), [...path, "port"], {
      from: 0,
      to: 65_535,
    });
    const end = reader.integer(fields["endPort"], [...path, "endPort"], {
      from: 0,
      to: 65_535,
    }) ?? 0;
    if (port === undefined) return [];
    // Port 0 is every port (pkg/policy/api/l4.go, PortProtocol).
    if (port === 0) {
      return [{ kind: "range", protocol, from: 0, to: 65_535 }];
    }
    return [{ kind: "range", protocol, from: port, to: Math.max(port, end) }];
  }
  if (!/^[A-Za-z0-9-]{1,63}$/.test(text)) {
    reader.problem([...path, "port"], {
      reason: `port ${JSON.stringify(fields["port"] ?? null)} cannot be used`,
      expected: "a number in quotes, or the name of a container port",
    });
    return [];
  }
  return [{ kind: "named", protocol, name: text }];
}

const PROTOCOLS = {
  TCP: PROTOCOL.tcp,
  UDP: PROTOCOL.udp,
  SCTP: PROTOCOL.sctp,
  ICMP: PROTOCOL.icmp,
  ICMPv6: PROTOCOL.icmpv6,
} as const;

/** Types that may be given by name (pkg/policy/api/icmp.go). */
const ICMP_TYPES: Readonly<Record<string, readonly [number, number]>> = {
  EchoReply: [0, 129],
  DestinationUnreachable: [3, 1],
  Redirect: [5, 137],
  Echo: [8, 128],
  EchoRequest: [8, 128],
  TimeExceeded: [11, 3],
};

function readIcmp(
  reader: SpecReader,
  item: unknown,
  path: Path,
): PortMatch[] {
  const entry = reader.mapping(item, path, ["fields"]) ?? {};
  return reader.list(entry["fields"], [...path, "fields"]).flatMap(
    (one, at) => {
      const below = [...path, "fields", at];
      const field = reader.mapping(one, below, ["type", "family"]) ?? {};
      const six = reader.word(field["family"], [...below, "family"], [
        "IPv4",
        "IPv6",
      ]) === "IPv6";
      const text = `${field["type"]}`;
      const type = /^\d{1,3}$/.test(text)
        ? Number(text)
        : ICMP_TYPES[text]?.[six ? 1 : 0];
      if (type === undefined || type > 255) {
        reader.problem([...below, "type"], {
          reason: `ICMP type ${JSON.stringify(field["type"] ?? null)}`,
          expected: `a number to 255, or ${Object.keys(ICMP_TYPES).join(", ")}`,
        });
        return [];
      }
      const protocol = six ? PROTOCOL.icmpv6 : PROTOCOL.icmp;
      return [{ kind: "range" as const, protocol, from: type, to: type }];
    },
  );
}
