import { Ip } from "../../../core/packet/ip.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import { newCiliumMap } from "../maps/cilium_maps.ts";
import {
  ENDPOINT_FLAG,
  ENDPOINT_INFO,
  ENDPOINT_KEY,
  FAMILY_NUMBER,
} from "../maps/endpoint_layouts.ts";
import { addressBytes, addressOf } from "../maps/layout.ts";
import { DumpReader, type DumpSource } from "./dump_reader.ts";
import { notePlace } from "./entry_places.ts";

/** `10.0.1.7:0`; the number behind the address is the key's own. */
const KEY = /^([0-9a-fA-F.:]{2,45}):(\d{1,3})$/;
const HOST = "(localhost)";
/** Hardware addresses and what later releases add are passed over. */
const ENTRY =
  /^id=(\d{1,5})\s{1,8}sec_id=(\d{1,10})\s{1,8}flags=0x([0-9a-fA-F]{1,8})\s{1,8}ifindex=(\d{1,10})(?:\s.{0,200})?$/;

/**
 * Reads `cilium-dbg bpf endpoint list -o json`: an address and one text, of
 * the node's own addresses `(localhost)`. Throws an {@link InputError} with
 * every problem.
 */
export function readEndpointList(text: string, { file }: DumpSource): BpfMap {
  const reader = new DumpReader(text, { file, what: "a list of endpoints" });
  const entries = reader.entries();
  const map = newCiliumMap("cilium_lxc", {
    maxEntries: Math.max(1, entries.length),
  });
  for (const [name, value] of entries) {
    const key = keyBytes(name);
    const info = infoBytes(value);
    if (key === undefined) {
      reader.fail(reader.root, name, {
        reason: `${JSON.stringify(name)} is no endpoint's address`,
        expected: "an address such as 10.0.1.7:0",
      });
    } else if (info === undefined) {
      reader.fail(reader.root, name, {
        reason: `the entry of ${name} cannot be understood`,
        expected:
          '["id=123 sec_id=4711 flags=0x0000 ifindex=10 mac=... nodemac=..."] or ["(localhost)"]',
      });
    } else {
      map.update(key, info);
      notePlace(map, key, reader.placeOf(reader.root, name));
    }
  }
  reader.end();
  return map;
}

/** Writes the map as the command line does, without hardware addresses. */
export function printEndpointList(map: BpfMap): string {
  const lines = [...map.entries()].map(({ key: bytes, value }) => {
    const { ip6, family, key } = ENDPOINT_KEY.decode(bytes);
    const ip = addressOf(ip6, family === FAMILY_NUMBER[6] ? 6 : 4);
    const { lxc_id, sec_id, flags, ifindex } = ENDPOINT_INFO.decode(value);
    const text = (flags & ENDPOINT_FLAG.host) !== 0
      ? HOST
      : `id=${lxc_id} sec_id=${sec_id} flags=0x${
        flags.toString(16).padStart(4, "0")
      } ifindex=${ifindex}`;
    return [`${ip.text}:${key}`, [text]];
  });
  return JSON.stringify(Object.fromEntries(lines), null, 2);
}

function keyBytes(text: string): Uint8Array | undefined {
  const [, address = "", key = ""] = KEY.exec(text) ?? [];
  const ip = Ip.parse(address);
  if (ip === undefined || Number(key) > 0xff) return undefined;
  return ENDPOINT_KEY.encode({
    ip6: addressBytes(ip),
    family: FAMILY_NUMBER[ip.family],
    key: Number(key),
  });
}

function infoBytes(value: unknown): Uint8Array | undefined {
  const [text] = Array.isArray(value) && value.length === 1 ? value : [];
  if (text === HOST) return ENDPOINT_INFO.encode({ flags: ENDPOINT_FLAG.host });
  const match = typeof text === "string" ? ENTRY.exec(text) : null;
  if (match === null) return undefined;
  const [lxc_id, sec_id, , ifindex] = match.slice(1).map(Number);
  const flags = parseInt(match[3]!, 16);
  const fits = lxc_id! <= 0xffff && sec_id! <= 0xffffffff &&
    ifindex! <= 0xffffffff;
  return fits
    ? ENDPOINT_INFO.encode({
      lxc_id: lxc_id!,
      sec_id: sec_id!,
      flags,
      ifindex: ifindex!,
    })
    : undefined;
}
