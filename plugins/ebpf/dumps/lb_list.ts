import type { Protocol } from "../../../core/cluster/model.ts";
import { Ip } from "../../../core/packet/ip.ts";
import { compareText } from "../../../core/policy/compare_text.ts";
import type { SourcePosition } from "../../../core/source.ts";
import {
  addressKey,
  addressText,
  type LbAddress,
  protocolName,
  SCOPE,
} from "../maps/lb/lb_address.ts";
import { LbMaps, type ServiceEntry, serviceKey } from "../maps/lb/lb_maps.ts";
import { flagsOfWords, flagWords } from "../maps/lb/service_flags.ts";
import {
  BACKEND_KEY,
  LB4_BACKEND,
  LB4_KEY,
  LB6_BACKEND,
  LB6_KEY,
  LB_SERVICE,
} from "../maps/lb_layouts.ts";
import { DumpReader, type DumpSource } from "./dump_reader.ts";
import { notePlace } from "./entry_places.ts";

/** `10.96.0.10:53/UDP (1)`, `[fd00::1]:53/UDP/i (0)`. */
const FRONTEND =
  /^(\[?)([0-9a-fA-F.:]{1,45})(\]?):(\d{1,5})\/(TCP|UDP|SCTP)(\/i)? \((\d{1,5})\)$/;
/** `0.0.0.0:0 (3) (0) [ClusterIP, non-routable] `. */
const MASTER =
  /^(?:0\.0\.0\.0|\[::\]):0 \((\d{1,5})\) \(0\) \[([A-Za-z0-9 ,-]{1,200})\]\s*$/;
/** `10.0.1.7:53/UDP (3) (1)`. */
const BACKEND =
  /^(\[?)([0-9a-fA-F.:]{1,45})(\]?):(\d{1,5})\/(TCP|UDP|SCTP) \((\d{1,5})\) \((\d{1,5})\)$/;
const LOST = /^backend (\d{1,10}) not found$/;

/** One slot of a frontend, read. */
interface Slot {
  readonly at: LbAddress;
  readonly slot: number;
  /** Where it was read. */
  readonly place: SourcePosition | undefined;
}

/** The frontend itself, with the id of its reverse translation. */
interface Master extends Slot {
  readonly id: number;
  readonly flags: number;
}

/** A backend of a frontend. */
interface BackendSlot extends Slot {
  readonly id: number;
  /** Null where the map of backends had none of the slot's id. */
  readonly backend: LbAddress | null;
}

/** Everything in a list. */
interface Slots {
  readonly masters: Master[];
  readonly slots: BackendSlot[];
}

/**
 * Reads `cilium-dbg bpf lb list -o json` into maps. It tells no ids of
 * backends, no timeouts and no algorithms: ids are given out in the order of
 * addresses, and all backends count as active; it does not tell those that
 * terminate from the others. A slot whose backend was not found keeps an id
 * that no backend has. Throws an {@link InputError} with every problem.
 */
export function readLbList(text: string, { file }: DumpSource): LbMaps {
  const reader = new DumpReader(text, { file, what: "a list of services" });
  const entries = reader.entries();
  const maps = new LbMaps({ maxEntries: Math.max(1, entries.length) });
  const masters: Master[] = [];
  const slots: BackendSlot[] = [];
  for (const [key, value] of entries) {
    const place = slotOf(key, reader.placeOf(reader.root, key));
    const lines = reader.items(value, key);
    if (place === undefined) {
      reader.fail(reader.root, key, {
        reason: `${JSON.stringify(key)} is no frontend`,
        expected: "an address such as 10.96.0.10:53/UDP (0)",
      });
      continue;
    }
    for (const line of lines) {
      const known = typeof line === "string"
        ? lineOf(line, place, { masters, slots })
        : false;
      if (known) continue;
      reader.fail(reader.root, key, {
        reason: `the entry of ${key} cannot be understood`,
        expected: place.slot === 0
          ? "0.0.0.0:0 (3) (0) [ClusterIP, non-routable]"
          : "10.0.1.7:53/UDP (3) (1)",
      });
    }
  }
  reader.end();
  fill(maps, { masters, slots });
  return maps;
}

/** Writes maps as the command line does. */
export function printLbList(maps: LbMaps): string {
  const lines: [string, string[]][] = [];
  for (const family of [4, 6] as const) {
    const backends = new Map(
      [...maps[family].backends.entries()].map(({ key, value }) => {
        const { id } = BACKEND_KEY.decode(key);
        const { address, port, proto } =
          (family === 4 ? LB4_BACKEND : LB6_BACKEND).decode(value);
        return [id, addressText(addressAt(address, port, { proto, scope: 0 }))];
      }),
    );
    for (const { key, value } of maps[family].services.entries()) {
      const { address, dport, proto, scope, backend_slot } =
        (family === 4 ? LB4_KEY : LB6_KEY).decode(key);
      const service = LB_SERVICE.decode(value);
      const at = addressAt(address, dport, { proto, scope });
      const flags = flagWords(service.flags | service.flags2 << 8).join(", ");
      const backend = backends.get(service.backend_id);
      const line = backend_slot === 0
        ? `${family === 4 ? "0.0.0.0" : "[::]"}:0 ` +
          `(${service.rev_nat_index}) (0) [${flags}] `
        : backend === undefined
        ? `backend ${service.backend_id} not found`
        : `${backend} (${service.rev_nat_index}) (${backend_slot})`;
      lines.push([`${addressText(at)} (${backend_slot})`, [line]]);
    }
  }
  // Go writes the keys of a map in their order.
  lines.sort(([a], [b]) => compareText(a, b));
  return JSON.stringify(Object.fromEntries(lines), null, 2);
}

function slotOf(
  key: string,
  place: SourcePosition | undefined,
): Slot | undefined {
  const match = FRONTEND.exec(key);
  if (match === null) return undefined;
  const [, open, ip = "", close, port, protocol, inner, slot] = match;
  const at = readAddress(ip, {
    port: Number(port),
    protocol: protocol as Protocol,
    scope: inner === undefined ? SCOPE.external : SCOPE.internal,
    bracketed: open === "[" && close === "]",
  });
  if (at === undefined || Number(slot) > 0xffff) return undefined;
  return { at, slot: Number(slot), place };
}

function lineOf(
  line: string,
  place: Slot,
  { masters, slots }: Slots,
): boolean {
  if (place.slot === 0) {
    const [, id, words = ""] = MASTER.exec(line) ?? [];
    const flags = flagsOfWords(words.split(",").map((word) => word.trim()));
    if (id === undefined || flags === undefined || Number(id) > 0xffff) {
      return false;
    }
    masters.push({ ...place, id: Number(id), flags });
    return true;
  }
  if (LOST.test(line)) {
    slots.push({ ...place, id: 0, backend: null });
    return true;
  }
  const match = BACKEND.exec(line);
  if (match === null) return false;
  const [, open, ip = "", close, port, protocol, id, slot] = match;
  const backend = readAddress(ip, {
    port: Number(port),
    protocol: protocol as Protocol,
    scope: SCOPE.external,
    bracketed: open === "[" && close === "]",
  });
  const fits = backend !== undefined && Number(slot) === place.slot &&
    Number(id) <= 0xffff && backend.ip.family === place.at.ip.family;
  if (!fits) return false;
  slots.push({ ...place, id: Number(id), backend });
  return true;
}

function readAddress(
  text: string,
  { port, protocol, scope, bracketed }: {
    readonly port: number;
    readonly protocol: Protocol;
    readonly scope: 0 | 1;
    readonly bracketed: boolean;
  },
): LbAddress | undefined {
  const ip = Ip.parse(text);
  if (ip === undefined || port > 0xffff) return undefined;
  return (ip.family === 6) === bracketed
    ? { ip, port, protocol, scope }
    : undefined;
}

function fill(maps: LbMaps, { masters, slots }: Slots): void {
  const backends = new Map(
    slots.flatMap(({ backend }) =>
      backend === null ? [] : [[addressKey(backend), backend] as const]
    ).sort(([a], [b]) => compareText(a, b)),
  );
  const ids = new Map([...backends.keys()].map((key, at) => [key, at + 1]));
  for (const [key, backend] of backends) {
    maps.putBackend(ids.get(key)!, backend, { state: 0, zone: 0 });
  }
  /** An id that no backend has, as the slot's own was one of those. */
  const lost = ids.size + 1;
  const put = (
    { at, slot, place }: Slot,
    entry: Pick<ServiceEntry, "backend_id" | "count" | "rev_nat_index"> & {
      readonly flags: number;
    },
  ) => {
    maps.putService(at, slot, { ...entry, qcount: 0 });
    notePlace(maps[at.ip.family].services, serviceKey(at, slot), place);
  };
  const masterOf = new Map(masters.map((one) => [addressKey(one.at), one]));
  const counts = new Map<string, number>();
  for (const one of slots) {
    const key = addressKey(one.at);
    counts.set(key, Math.max(counts.get(key) ?? 0, one.slot));
    put(one, {
      backend_id: one.backend === null
        ? lost
        : ids.get(addressKey(one.backend))!,
      count: 0,
      rev_nat_index: one.backend === null ? masterOf.get(key)?.id ?? 0 : one.id,
      flags: masterOf.get(key)?.flags ?? 0,
    });
  }
  for (const one of masters) {
    put(one, {
      backend_id: 0,
      count: counts.get(addressKey(one.at)) ?? 0,
      rev_nat_index: one.id,
      flags: one.flags,
    });
    maps.putReverseNat(one.id, one.at);
  }
}

function addressAt(
  ip: Ip,
  port: number,
  { proto, scope }: { readonly proto: number; readonly scope: number },
): LbAddress {
  return {
    ip,
    port,
    protocol: protocolName(proto),
    scope: scope === SCOPE.internal ? SCOPE.internal : SCOPE.external,
  };
}
