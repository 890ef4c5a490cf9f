import { compareText } from "../../../../core/policy/compare_text.ts";
import {
  covers,
  type EntryAuth,
  keyText,
  type PolicyMapEntry,
  prefixBits,
} from "./map_entry.ts";
import { withoutListener } from "./precedence.ts";

/**
 * What of the entries that rules ask for gets into the map (pkg/policy,
 * mapState.insertWithChanges): one for each key, none that a broader one
 * decides anyhow. The result does not depend on the order of the entries.
 */
export function mapState(
  wanted: readonly PolicyMapEntry[],
): PolicyMapEntry[] {
  const merged = new Map<string, PolicyMapEntry>();
  for (const entry of wanted) {
    const key = keyText(entry.key);
    const there = merged.get(key);
    merged.set(key, there === undefined ? entry : mergeEntries(there, entry));
  }
  const entries = [...merged.values()];
  const denies = entries.filter((one) =>
    one.deny && !entries.some((other) => overrules(other, one))
  );
  const allows = entries.filter(({ deny }) => !deny);
  const authenticates = allows.some(({ auth }) => auth.explicit);
  const kept = authenticates
    ? withAuthentication(allows, denies)
    : allows.filter((one) =>
      ![...denies, ...allows].some((other) => overrules(other, one))
    );
  return [...denies, ...kept].sort(compareEntries);
}

/** Of two entries with one key the higher; of two that differ in the proxy alone, both (MapStateEntry.Merge). */
export function mergeEntries(
  a: PolicyMapEntry,
  b: PolicyMapEntry,
): PolicyMapEntry {
  const sameRank = a.deny === b.deny &&
    withoutListener(a.precedence) === withoutListener(b.precedence);
  const [high, low] = ranksAbove(b, a) ? [b, a] : [a, b];
  if (!sameRank) return high;
  return {
    ...high,
    auth: a.deny ? high.auth : mergeAuth(a.auth, b.auth),
    rules: [...high.rules, ...low.rules.filter((r) => !high.rules.includes(r))],
  };
}

/** Denials before allowances, then by direction, identity, protocol and port. */
export function compareEntries(a: PolicyMapEntry, b: PolicyMapEntry): number {
  return Number(a.key.egress) - Number(b.key.egress) ||
    a.key.identity - b.key.identity || a.key.protocol - b.key.protocol ||
    a.key.port - b.key.port || a.key.portBits - b.key.portBits ||
    compareText(keyText(a.key), keyText(b.key));
}

function ranksAbove(a: PolicyMapEntry, b: PolicyMapEntry): boolean {
  return a.precedence > b.precedence ||
    a.precedence === b.precedence && a.proxyPort < b.proxyPort;
}

function mergeAuth(a: EntryAuth, b: EntryAuth): EntryAuth {
  if (a.explicit !== b.explicit) return a.explicit ? a : b;
  return a.type >= b.type ? a : b;
}

/** Whether a broader entry leaves another nothing to decide: it is higher, or both deny. */
function overrules(broad: PolicyMapEntry, narrow: PolicyMapEntry): boolean {
  if (broad === narrow || !covers(broad.key, narrow.key)) return false;
  if (keyText(broad.key) === keyText(narrow.key)) return false;
  return broad.precedence > narrow.precedence ||
    narrow.deny && broad.precedence === narrow.precedence;
}

/**
 * Allowances where some ask for authentication: one that says nothing takes
 * it from the next broader one of its identity, and one that says something
 * else stays beside a higher one, on its way (authPreferredInsert).
 */
function withAuthentication(
  allows: readonly PolicyMapEntry[],
  denies: readonly PolicyMapEntry[],
): PolicyMapEntry[] {
  return allows.flatMap((entry) => {
    if (denies.some((deny) => overrules(deny, entry))) return [];
    const broader = allows
      .filter((one) =>
        one !== entry && one.key.identity === entry.key.identity &&
        covers(one.key, entry.key)
      )
      .sort((a, b) => prefixBits(b.key) - prefixBits(a.key));
    const higher = broader.find((one) => one.precedence > entry.precedence);
    if (higher !== undefined && !entry.auth.explicit) return [];
    const way = higher ?? entry;
    const derived = entry.auth.explicit
      ? undefined
      : broader.find((one) =>
        one.auth.explicit &&
        withoutListener(one.precedence) >= withoutListener(entry.precedence)
      );
    return [{
      ...entry,
      proxyPort: way.proxyPort,
      precedence: way.precedence,
      auth: derived === undefined
        ? entry.auth
        : { type: derived.auth.type, explicit: false },
    }];
  });
}
