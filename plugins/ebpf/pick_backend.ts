import type { Packet } from "../../core/packet/packet.ts";
import { LIMITS } from "../../core/limits.ts";
import type { HookContext } from "../../core/replay/plugin.ts";
import type { Backend, BackendSet } from "./backend_set.ts";
import type { Frontend } from "./frontend.ts";
import type { MaglevTables } from "./maglev_pick.ts";

/** An entry of `cilium_lb4_affinity`. JSON-safe. */
export interface Affinity {
  readonly backend: string;
  readonly usedNs: number;
}

/** The table of clients and their backends. */
export const AFFINITY = "affinity";

/** The key of a client of a frontend. */
export function affinityKey(
  frontend: Pick<Frontend, "key">,
  client: string,
): string {
  return `${frontend.key} ${client}`;
}

/** A packet that is looked up in Maglev's tables. */
interface Hashed {
  readonly packet: Packet;
  readonly tables: MaglevTables;
}

/**
 * Picks a backend: the one the client has by affinity while it is there and
 * the time has not run out, else any. Undefined when there is none.
 */
export function pickBackend(
  frontend: Frontend,
  { set, client, context, affinity, hashed }: {
    readonly set: BackendSet;
    /** Whom affinity tells apart: the network namespace at a socket, else the address. */
    readonly client: () => string;
    readonly context: HookContext;
    readonly affinity: boolean;
    /** The tables that the pick is looked up in; absent: it is random. */
    readonly hashed?: Hashed;
  },
): Backend | undefined {
  if (set.backends.length === 0) return undefined;
  // A slot, then the backend behind it.
  context.charge("hashLookups", 2);
  const { affinityNs } = frontend;
  const sticky = affinity && affinityNs !== null;
  const how = { set, frontend, context, sticky, hashed };
  if (!sticky) return set.backends[pickAny(how)];
  context.charge("lruLookups", 1);
  const table = context.table<Affinity>(AFFINITY);
  const key = affinityKey(frontend, client());
  const kept = table.get(key);
  const index = kept !== undefined &&
      context.nowNs - kept.usedNs <= affinityNs
    ? set.weighted.findIndex(({ backend }) => backend === kept.backend)
    : -1;
  const picked = index >= 0 ? index : pickAny(how);
  if (index >= 0) context.pickedFrom(set.weighted);
  remember(table, key, {
    backend: set.weighted[picked]!.backend,
    usedNs: context.nowNs,
  });
  return set.backends[picked];
}

/** Any backend: by the hash of the packet, or at random. */
function pickAny(
  { set, frontend, context, sticky, hashed }: {
    readonly set: BackendSet;
    readonly frontend: Frontend;
    readonly context: HookContext;
    readonly sticky: boolean;
    readonly hashed: Hashed | undefined;
  },
): number {
  if (hashed === undefined) return context.pick(set.weighted);
  context.charge("arrayLookups", 1);
  const { packet, tables } = hashed;
  const found = tables.pick(packet, { set, frontend, affinity: sticky });
  context.pickedFrom(found.weighted);
  return found.index;
}

/** Puts an entry last, and drops the first when the map is full, as an LRU map evicts. */
export function remember<Value>(
  table: Map<string, Value>,
  key: string,
  value: Value,
): void {
  table.delete(key);
  if (table.size >= LIMITS.lruEntries) {
    const [oldest] = table.keys();
    if (oldest !== undefined) table.delete(oldest);
  }
  table.set(key, value);
}
