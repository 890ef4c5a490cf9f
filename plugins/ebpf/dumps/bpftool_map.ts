import type { BpfMap } from "../maps/bpf_map.ts";
import {
  CILIUM_MAPS,
  definitionOf,
  type MapDefinition,
  newCiliumMap,
} from "../maps/cilium_maps.ts";
import { type DumpObject, DumpReader, type DumpSource } from "./dump_reader.ts";
import { notePlace } from "./entry_places.ts";

/**
 * The name of the map that a file is a dump of: the last part of its name
 * that is one, as in `node1/cilium_ipcache_v2.json`. Undefined when there is
 * none.
 */
export function mapNameOf(file: string): string | undefined {
  const names = file.match(/cilium_[a-z0-9_]+/g) ?? [];
  return names.reverse()
    .map((name) => name.replace(/_+$/, ""))
    .find((name) => definitionOf(name) !== undefined);
}

/**
 * Reads `bpftool map dump -j` of one of Cilium's maps: bytes as texts like
 * `0x1f`, of per-CPU maps the first CPU's. What bpftool prints from type
 * information beside them says the same again and is passed over. Throws an
 * {@link InputError} with every problem.
 *
 * @example
 * ```ts
 * const map = readBpftoolMap(
 *   '[{"key":["0x01","0x00","0x00","0x00"],"value":["0x0a","0x00","0x00","0x01","0x1f","0x90","0x06","0x00","0x00","0x00","0x00","0x00"]}]',
 *   { file: "dump.json", name: "cilium_lb4_backends_v3" },
 * );
 * map.size; // 1
 * ```
 */
export function readBpftoolMap(
  text: string,
  { file, name }: DumpSource & { readonly name: string },
): BpfMap {
  const reader = new DumpReader(text, { file, what: `a dump of ${name}` });
  const definition = definitionOf(name);
  if (definition === undefined) {
    reader.fail(null, "", {
      reason: "it is no map that is known",
      expected: `one of ${Object.keys(CILIUM_MAPS).join(", ")}`,
    });
    reader.end();
  }
  const { keyBytes, valueBytes, maxEntries } = definition as MapDefinition;
  const entries = reader.objects().map((object) => ({
    object,
    key: readBytes(reader, object, { field: "key", size: keyBytes }),
    value: readValue(reader, object, valueBytes),
  }));
  reader.end();
  const isArray = definition?.type === "array";
  const map = newCiliumMap(name, {
    maxEntries: isArray ? maxEntries : Math.max(maxEntries, entries.length),
  });
  for (const { object, key, value } of entries) {
    // A map of maps shows ids, whose maps are dumps of their own.
    if (definition?.type === "hash_of_maps") continue;
    const errno = map.update(key, value);
    notePlace(map, key, reader.placeOf(object, "key"));
    if (errno === undefined) continue;
    reader.fail(object, "key", {
      reason: `the kernel takes no such key (${errno})`,
      expected: "an entry as the map has it",
    });
  }
  reader.end();
  return map;
}

/** Writes a map as `bpftool map dump -j` does without type information. */
export function printBpftoolMap(map: BpfMap): string {
  const perCpu = map.spec.type.includes("percpu");
  const entries = [...map.entries()].map(({ key, value }) =>
    perCpu
      ? { key: hex(key), values: [{ cpu: 0, value: hex(value) }] }
      : { key: hex(key), value: hex(value) }
  );
  return JSON.stringify(entries);
}

function readValue(
  reader: DumpReader,
  object: DumpObject,
  size: number,
): Uint8Array {
  if (object["values"] === undefined) {
    return readBytes(reader, object, { field: "value", size });
  }
  const [first] = reader.items(object["values"], "values");
  if (typeof first === "object" && first !== null) {
    return readBytes(reader, first as DumpObject, { field: "value", size });
  }
  reader.fail(object, "values", {
    reason: "values has no entry for a CPU",
    expected: "an object for each CPU",
  });
  return new Uint8Array(size);
}

function readBytes(
  reader: DumpReader,
  object: DumpObject,
  { field, size }: { readonly field: string; readonly size: number },
): Uint8Array {
  const list = object[field];
  const bytes = Array.isArray(list) ? list.map(byteOf) : [];
  if (bytes.length === size && bytes.every((byte) => byte !== undefined)) {
    return new Uint8Array(bytes);
  }
  const only = object["formatted"] === undefined && !Array.isArray(list);
  reader.fail(object, field, {
    reason: only
      ? `${field} is not made of bytes`
      : `${field} has not ${size} bytes`,
    expected: `${size} texts from 0x00 to 0xff, as bpftool map dump -j prints`,
  });
  return new Uint8Array(size);
}

function byteOf(text: unknown): number | undefined {
  return typeof text === "string" && /^0x[0-9a-f]{1,2}$/i.test(text)
    ? parseInt(text, 16)
    : undefined;
}

function hex(bytes: Uint8Array): string[] {
  return [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, "0")}`);
}
