import type { NewEvent } from "../core/event.ts";

/** Objects by kind. */
export type KindCounts = Readonly<Record<string, number>>;

/** Counts objects that no stack reads, with those that an import left out already. */
export function unreadKinds(
  events: Iterable<NewEvent>,
  { ignored, kinds }: {
    /** Left out already, by kind. */
    readonly ignored: KindCounts;
    /** What each stack reads, as `group/Kind`. */
    readonly kinds: readonly ReadonlySet<string>[];
  },
): KindCounts {
  const counts = new Map(Object.entries(ignored));
  const seen = new Set<string>();
  for (const event of events) {
    if (event.type !== "policy.applied") continue;
    const { apiVersion, kind, metadata } = event.data.object;
    const [group, version] = apiVersion.split("/");
    const name = version === undefined ? kind : `${group}/${kind}`;
    const key = `${name} ${metadata.namespace ?? ""}/${metadata.name}`;
    if (seen.has(key) || kinds.some((known) => known.has(name))) continue;
    seen.add(key);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return Object.fromEntries(
    [...counts].sort(([a], [b]) => a < b ? -1 : 1),
  );
}

/** `VirtualService 3, Secret 1`; the most frequent first. */
export function kindsText(counts: KindCounts): string {
  return Object.entries(counts)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([kind, count]) => `${kind} ${count}`)
    .join(", ");
}
