import { LIMITS } from "../../core/limits.ts";
import type { HookContext } from "../../core/replay/plugin.ts";
import type { Backend, BackendSet } from "./backend_set.ts";
import type { Frontend } from "./frontend.ts";

/** An entry of `cilium_lb4_affinity`. JSON-safe. */
interface Affinity {
  readonly backend: string;
  readonly usedNs: number;
}

/**
 * Picks a backend: the one the client has by affinity while it is there and
 * the time has not run out, else any. Undefined when there is none.
 */
export function pickBackend(
  frontend: Frontend,
  { set, client, context, affinity }: {
    readonly set: BackendSet;
    /** Whom affinity tells apart: the network namespace at a socket, else the address. */
    readonly client: () => string;
    readonly context: HookContext;
    readonly affinity: boolean;
  },
): Backend | undefined {
  if (set.backends.length === 0) return undefined;
  // A slot, then the backend behind it.
  context.charge("hashLookups", 2);
  const { affinityNs } = frontend;
  if (!affinity || affinityNs === null) {
    return set.backends[context.pick(set.weighted)];
  }
  context.charge("lruLookups", 1);
  const table = context.table<Affinity>("affinity");
  const key = `${frontend.key} ${client()}`;
  const kept = table.get(key);
  const index = kept !== undefined &&
      context.nowNs - kept.usedNs <= affinityNs
    ? set.weighted.findIndex(({ backend }) => backend === kept.backend)
    : -1;
  const picked = index >= 0 ? index : context.pick(set.weighted);
  if (index >= 0) context.pickedFrom(set.weighted);
  remember(table, key, {
    backend: set.weighted[picked]!.backend,
    usedNs: context.nowNs,
  });
  return set.backends[picked];
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
