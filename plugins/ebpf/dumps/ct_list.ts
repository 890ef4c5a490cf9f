import { Ip } from "../../../core/packet/ip.ts";
import { PROTOCOL } from "../../../core/packet/packet.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import { newCiliumMap } from "../maps/cilium_maps.ts";
import { CT4_TUPLE, CT6_TUPLE, CT_ENTRY } from "../maps/conntrack_layouts.ts";
import { addressBytes, addressOf } from "../maps/layout.ts";
import { swap16 } from "../maps/lb_layouts.ts";
import { type DumpObject, DumpReader, type DumpSource } from "./dump_reader.ts";
import { notePlace } from "./entry_places.ts";

/** A node's tables of connections: TCP apart from the others, for each family. */
export interface ConnectionMaps {
  readonly tcp4: BpfMap;
  readonly any4: BpfMap;
  readonly tcp6: BpfMap;
  readonly any6: BpfMap;
}

const U8 = 0xff;
const U16 = 0xffff;
const U32 = 0xffffffff;

/**
 * Reads `cilium-dbg bpf ct list global -o json`. Ports and reverse
 * translations are as they lie in memory, in network order. Throws an
 * {@link InputError} with every problem.
 */
export function readCtList(text: string, { file }: DumpSource): ConnectionMaps {
  const reader = new DumpReader(text, { file, what: "connections" });
  const objects = reader.objects();
  const maps = emptyMaps(Math.max(1, objects.length));
  for (const object of objects) {
    const key = reader.object(object, "Key");
    const value = reader.object(object, "Value");
    const tuple = readTuple(reader, key);
    const entry = readEntry(reader, value);
    if (tuple === undefined) continue;
    const map = mapOf(maps, tuple.family, tuple.protocol);
    map.update(tuple.bytes, entry);
    notePlace(map, tuple.bytes, reader.placeOf(object, "Key"));
  }
  reader.end();
  return maps;
}

/** Writes tables as the command line does. */
export function printCtList(maps: ConnectionMaps): string {
  const list = ([[maps.tcp4, 4], [maps.any4, 4], [maps.tcp6, 6], [
    maps.any6,
    6,
  ]] as const).flatMap(([map, family]) =>
    [...map.entries()].map(({ key, value }) => ({
      Key: printTuple(key, family),
      Value: printEntry(value),
    }))
  );
  return JSON.stringify(list, null, 2);
}

function emptyMaps(maxEntries: number): ConnectionMaps {
  const map = (name: string) => newCiliumMap(`cilium_${name}`, { maxEntries });
  return {
    tcp4: map("ct4_global"),
    any4: map("ct_any4_global"),
    tcp6: map("ct6_global"),
    any6: map("ct_any6_global"),
  };
}

function mapOf(
  maps: ConnectionMaps,
  family: 4 | 6,
  protocol: number,
): BpfMap {
  const tcp = protocol === PROTOCOL.tcp;
  if (family === 4) return tcp ? maps.tcp4 : maps.any4;
  return tcp ? maps.tcp6 : maps.any6;
}

function readTuple(reader: DumpReader, key: DumpObject) {
  const daddr = readAddress(reader, key, "DestAddr");
  const saddr = readAddress(reader, key, "SourceAddr");
  const protocol = reader.number(key, "NextHeader", U8);
  const rest = {
    dport: swap16(reader.number(key, "DestPort", U16)),
    sport: swap16(reader.number(key, "SourcePort", U16)),
    nexthdr: protocol,
    flags: reader.number(key, "Flags", U8),
  };
  if (daddr === undefined || saddr === undefined) return undefined;
  if (daddr.family !== saddr.family) {
    reader.fail(key, "SourceAddr", {
      reason: "SourceAddr is of another family than DestAddr",
      expected: "two addresses of one family",
    });
    return undefined;
  }
  const { family } = daddr;
  const bytes = (family === 4 ? CT4_TUPLE : CT6_TUPLE).encode({
    daddr,
    saddr,
    ...rest,
  });
  return { bytes, family, protocol };
}

function readAddress(
  reader: DumpReader,
  key: DumpObject,
  field: string,
): Ip | undefined {
  const list = key[field];
  const bytes = Array.isArray(list) ? list : [];
  const family = bytes.length === 4 ? 4 : bytes.length === 16 ? 6 : undefined;
  const fit = bytes.every((byte) =>
    typeof byte === "number" && Number.isInteger(byte) && byte >= 0 &&
    byte <= U8
  );
  if (family !== undefined && fit) {
    const padded = new Uint8Array(16);
    padded.set(bytes);
    return addressOf(padded, family);
  }
  reader.fail(key, field, {
    reason: `${field} is no address`,
    expected: "4 or 16 numbers to 255",
  });
  return undefined;
}

function readEntry(reader: DumpReader, value: DumpObject): Uint8Array {
  const union = reader.items(value["Union0"] ?? [], "Union0");
  if (union.length !== 2) {
    reader.fail(value, "Union0", {
      reason: "Union0 has not two numbers",
      expected: "[0, backend]",
    });
  }
  const holder = { low: union[0] ?? 0, high: union[1] ?? 0 };
  const flags = reader.number(value, "Flags", U16);
  const bytes = CT_ENTRY.encode({
    reserved0: reader.counter(holder, "low"),
    backend_id: reader.counter(holder, "high"),
    packets: reader.counter(value, "Packets"),
    bytes: reader.counter(value, "Bytes"),
    lifetime: reader.number(value, "Lifetime", U32),
    rev_nat_index: swap16(reader.number(value, "RevNAT", U16)),
    nat_port: swap16(reader.number(value, "NatPort", U16)),
    tx_flags_seen: reader.number(value, "TxFlagsSeen", U8),
    rx_flags_seen: reader.number(value, "RxFlagsSeen", U8),
    src_sec_id: reader.number(value, "SourceSecurityID", U32),
    last_tx_report: reader.number(value, "LastTxReport", U32),
    last_rx_report: reader.number(value, "LastRxReport", U32),
  });
  new DataView(bytes.buffer).setUint16(FLAGS_AT, flags, true);
  return bytes;
}

/** Where the bits of an entry begin. */
const FLAGS_AT = 36;

function printTuple(key: Uint8Array, family: 4 | 6) {
  const tuple = (family === 4 ? CT4_TUPLE : CT6_TUPLE).decode(key);
  const bytes = (
    ip: Ip,
  ) => [...addressBytes(ip).slice(0, family === 4 ? 4 : 16)];
  return {
    DestAddr: bytes(tuple.daddr),
    SourceAddr: bytes(tuple.saddr),
    DestPort: swap16(tuple.dport),
    SourcePort: swap16(tuple.sport),
    NextHeader: tuple.nexthdr,
    Flags: tuple.flags,
  };
}

function printEntry(value: Uint8Array) {
  const entry = CT_ENTRY.decode(value);
  const flags = new DataView(value.buffer, value.byteOffset)
    .getUint16(FLAGS_AT, true);
  return {
    Union0: [Number(entry.reserved0), Number(entry.backend_id)],
    Packets: Number(entry.packets),
    Bytes: Number(entry.bytes),
    Lifetime: entry.lifetime,
    Flags: flags,
    RevNAT: swap16(entry.rev_nat_index),
    NatPort: swap16(entry.nat_port),
    TxFlagsSeen: entry.tx_flags_seen,
    RxFlagsSeen: entry.rx_flags_seen,
    SourceSecurityID: entry.src_sec_id,
    LastTxReport: entry.last_tx_report,
    LastRxReport: entry.last_rx_report,
  };
}
