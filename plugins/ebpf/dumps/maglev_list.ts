import type { BpfMap } from "../maps/bpf_map.ts";
import { LbMaps } from "../maps/lb/lb_maps.ts";
import { REVERSE_NAT_KEY } from "../maps/lb_layouts.ts";
import { DumpReader, type DumpSource } from "./dump_reader.ts";

/** The tables of both families, by the id of their service. */
export interface MaglevTablesDump {
  readonly v4: BpfMap;
  readonly v6: BpfMap;
}

/** `[3]/v4`. */
const KEY = /^\[(\d{1,5})\]\/v([46])$/;

/** The largest table that an agent may be set to. */
const MOST_PLACES = 131_071;

/**
 * Reads `cilium-dbg bpf lb maglev list -o json`: a service's id and, in one
 * text, the id of the backend in each place of its table. Throws an
 * {@link InputError} with every problem.
 */
export function readMaglevList(
  text: string,
  { file }: DumpSource,
): MaglevTablesDump {
  const reader = new DumpReader(text, { file, what: "a list of tables" });
  const entries = reader.entries();
  const maps = new LbMaps({ maxEntries: Math.max(1, entries.length) });
  for (const [name, value] of entries) {
    const [, id = "", family = ""] = KEY.exec(name) ?? [];
    const table = tableOf(value);
    if (id === "" || Number(id) > 0xffff || table === undefined) {
      reader.fail(reader.root, name, {
        reason: `the entry of ${name} cannot be understood`,
        expected: '"[3]/v4": ["[17 18 17]"]',
      });
    } else maps.putMaglev(family === "6" ? 6 : 4, Number(id), table);
  }
  reader.end();
  return { v4: maps[4].maglev, v6: maps[6].maglev };
}

/** Writes tables as the command line does. */
export function printMaglevList({ 4: v4, 6: v6 }: LbMaps): string {
  const lines = ([["v4", v4.maglev], ["v6", v6.maglev]] as const).flatMap((
    [family, map],
  ) =>
    [...map.innerEntries()].map(({ key, map: inner }) => {
      const bytes = inner.lookup(new Uint8Array(4))!;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const ids = Array.from(
        { length: bytes.length / 4 },
        (_, at) => view.getUint32(4 * at, true),
      );
      const { id } = REVERSE_NAT_KEY.decode(key);
      return [`[${id}]/${family}`, [`[${ids.join(" ")}]`]];
    })
  );
  return JSON.stringify(Object.fromEntries(lines), null, 2);
}

function tableOf(value: unknown): Uint32Array | undefined {
  const [text] = Array.isArray(value) && value.length === 1 ? value : [];
  if (typeof text !== "string" || !/^\[[\d ,]*\]$/.test(text)) return undefined;
  const ids = text.slice(1, -1).split(/[ ,]+/).filter((id) => id !== "")
    .map(Number);
  return ids.length > 0 && ids.length <= MOST_PLACES &&
      ids.every((id) => id <= 0xffffffff)
    ? Uint32Array.from(ids)
    : undefined;
}
