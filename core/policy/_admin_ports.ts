import { PROTOCOL } from "../packet/packet.ts";
import { protocolNumber } from "./match_rule.ts";
import type { PortMatch } from "./policy.ts";
import type { Mapping, Path, SpecReader } from "./spec_reader.ts";

/** The ports of a rule of the policy API, in both of its shapes; null when it names none: everything. */
export function readAdminPorts(
  reader: SpecReader,
  fields: Mapping,
  path: Path,
): readonly PortMatch[] | null {
  const old = fields["ports"];
  const current = fields["protocols"];
  if ((old ?? null) === null && (current ?? null) === null) return null;
  return [
    ...reader.list(old, [...path, "ports"]).flatMap((item, at) =>
      readOldPort(reader, item, [...path, "ports", at])
    ),
    ...reader.list(current, [...path, "protocols"]).flatMap((item, at) =>
      readProtocol(reader, item, [...path, "protocols", at])
    ),
  ];
}

const PROTOCOL_NAMES = ["TCP", "UDP", "SCTP"] as const;
const PORT_BOUNDS = { from: 1, to: 65_535 };

/** A port of v1alpha1. */
function readOldPort(
  reader: SpecReader,
  item: unknown,
  path: Path,
): PortMatch[] {
  const keys = ["portNumber", "portRange", "namedPort"];
  const fields = reader.mapping(item, path, keys) ?? {};
  if (typeof fields["namedPort"] === "string") {
    return [{ kind: "named", protocol: null, name: fields["namedPort"] }];
  }
  const key = fields["portNumber"] === undefined ? "portRange" : "portNumber";
  const below = [...path, key];
  const range = reader.mapping(fields[key], below) ?? {};
  const name = reader.word(range["protocol"], [...below, "protocol"], [
    ...PROTOCOL_NAMES,
  ]);
  const protocol = protocolNumber(name ?? "TCP");
  if (key === "portNumber") {
    const port = reader.integer(
      range["port"],
      [...below, "port"],
      PORT_BOUNDS,
    );
    if (port === undefined) return [];
    return [{ kind: "range", protocol, from: port, to: port }];
  }
  return readRange(reader, range, { path: below, protocol });
}

/** A protocol of v1alpha2. */
function readProtocol(
  reader: SpecReader,
  item: unknown,
  path: Path,
): PortMatch[] {
  const keys = ["tcp", "udp", "sctp", "destinationNamedPort"];
  const fields = reader.mapping(item, path, keys) ?? {};
  const named = fields["destinationNamedPort"];
  if (typeof named === "string") {
    return [{ kind: "named", protocol: null, name: named }];
  }
  const name = (["tcp", "udp", "sctp"] as const).find((one) =>
    fields[one] !== undefined
  );
  if (name === undefined) return [];
  const protocol = PROTOCOL[name];
  const whole = reader.mapping(fields[name] ?? {}, [...path, name], [
    "destinationPort",
  ]) ?? {};
  const below = [...path, name, "destinationPort"];
  if ((whole["destinationPort"] ?? null) === null) {
    return [{ kind: "range", protocol, from: 0, to: 65_535 }];
  }
  const port = reader.mapping(whole["destinationPort"], below, [
    "number",
    "range",
  ]) ?? {};
  const number = reader.integer(
    port["number"],
    [...below, "number"],
    PORT_BOUNDS,
  );
  if (number !== undefined) {
    return [{ kind: "range", protocol, from: number, to: number }];
  }
  const range = reader.mapping(port["range"], [...below, "range"]) ?? {};
  return readRange(reader, range, { path: [...below, "range"], protocol });
}

function readRange(
  reader: SpecReader,
  range: Mapping,
  { path, protocol }: { readonly path: Path; readonly protocol: number },
): PortMatch[] {
  const from = reader.integer(
    range["start"],
    [...path, "start"],
    PORT_BOUNDS,
  );
  const to = reader.integer(range["end"], [...path, "end"], PORT_BOUNDS);
  if (from === undefined || to === undefined || to < from) {
    reader.problem(path, {
      reason: "a range of ports cannot be read",
      expected: "start and end, start first",
    });
    return [];
  }
  return [{ kind: "range", protocol, from, to }];
}
