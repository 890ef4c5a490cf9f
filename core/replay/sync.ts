/** Everything that bringing a datapath up to date can write: counts, never times. */
export const WRITES = [
  /** Rules of netfilter, in iptables or in nftables. */
  "rules",
  /** Elements of sets and maps beside rules: ipset, nftables. */
  "elements",
  /** Entries of BPF maps. */
  "mapEntries",
  /** Virtual servers of IPVS and the real servers behind them. */
  "servers",
  /** Addresses of network interfaces. */
  "addresses",
] as const;

/** One kind of write. */
export type WriteKind = typeof WRITES[number];

/** Writes by their kind; only kinds that are not zero. */
export type Writes = Readonly<Partial<Record<WriteKind, number>>>;

/** Something in a node's datapath that is written as a whole, or not at all. */
export interface ProgrammedPart {
  /** Another one, by `===`, once the part has to be written again. */
  readonly version: string | number | object;
  /** What writing it takes. */
  readonly written: Writes;
  /** What taking it out takes; left out: nothing that is counted. */
  readonly removed?: Writes;
  /** Key of the part that takes it along when that is taken out. */
  readonly within?: string;
}

/** What one writer has programmed into a node: an agent, or an agent for one address family. */
export interface Programmed {
  /** Tells it from the plugin's other writers: `IPv4`. */
  readonly writer: string;
  /** By a key that a part keeps for as long as it is the same part; null: it does not say. */
  readonly parts: ReadonlyMap<string, ProgrammedPart> | null;
  /** What is written with every sync that any part is the reason of. */
  readonly always: Writes;
}

/** What a control change made a stack write. JSON-safe. */
export interface SyncOutcome {
  /** Nodes that something was written on. */
  readonly nodes: number;
  /** The one that most was written on; null when nothing was written. */
  readonly node: string | null;
  /** What was written on it. */
  readonly written: Writes;
  /** What programming it from nothing would write: a full sync. */
  readonly full: Writes;
  /** What was written on all nodes together. */
  readonly total: Writes;
  /** Plugins, or writers of a plugin, that do not say what they write: it is not in here. */
  readonly silent: readonly string[];
}

/** What one node has, by plugin and writer. */
export type NodePrograms = ReadonlyMap<string, Programmed>;

const NOTHING: NodePrograms = new Map();

/** What takes a node from one state to another. */
export function syncWrites(
  before: NodePrograms | undefined,
  now: NodePrograms,
): Writes {
  const sum: Sum = {};
  for (const [key, program] of now) {
    add(sum, programWrites(before?.get(key)?.parts, program));
  }
  return sum;
}

function programWrites(
  before: Programmed["parts"] | undefined,
  { parts, always }: Programmed,
): Writes {
  const sum: Sum = {};
  if (parts === null) return sum;
  let changed = false;
  for (const [key, part] of parts) {
    if (before?.get(key)?.version === part.version) continue;
    changed = true;
    add(sum, part.written);
  }
  for (const [key, part] of before ?? []) {
    if (parts.has(key)) continue;
    changed = true;
    const goesAlong = part.within !== undefined && !parts.has(part.within);
    if (!goesAlong) add(sum, part.removed ?? {});
  }
  if (changed) add(sum, always);
  return sum;
}

/** Puts what each node has to write together. Null when no plugin says what it writes. */
export class SyncTally {
  readonly #total: Sum = {};
  readonly #silent = new Set<string>();
  #said = false;
  #nodes = 0;
  #most = 0;
  #node: string | null = null;
  #written: Writes = {};
  #full: Writes | null = null;

  /** A plugin of a node, or one of its writers: whether it says what it writes. */
  writer(name: string, says: boolean): void {
    if (says) this.#said = true;
    else this.#silent.add(name);
  }

  /** A node; among those that are written alike the first one stands for all. */
  node(
    name: string,
    { before, now }: {
      readonly before: NodePrograms | undefined;
      readonly now: NodePrograms;
    },
  ): void {
    const written = syncWrites(before, now);
    const count = writeCount(written);
    add(this.#total, written);
    if (count > 0) this.#nodes++;
    if (count > this.#most) {
      this.#most = count;
      this.#node = name;
      this.#written = written;
      this.#full = syncWrites(NOTHING, now);
    }
    this.#full ??= syncWrites(NOTHING, now);
  }

  outcome(): SyncOutcome | null {
    if (!this.#said) return null;
    return {
      nodes: this.#nodes,
      node: this.#node,
      written: ordered(this.#written),
      full: ordered(this.#full ?? {}),
      total: ordered(this.#total),
      silent: [...this.#silent].sort(),
    };
  }
}

/** All writes of any kind. */
export function writeCount(writes: Writes): number {
  return WRITES.reduce((sum, kind) => sum + (writes[kind] ?? 0), 0);
}

type Sum = Partial<Record<WriteKind, number>>;

function add(sum: Sum, writes: Writes): void {
  for (const kind of WRITES) {
    const count = writes[kind];
    if (count !== undefined && count !== 0) {
      sum[kind] = (sum[kind] ?? 0) + count;
    }
  }
}

/** In the order of {@link WRITES}, so that output has one form. */
function ordered(writes: Writes): Writes {
  const sum: Sum = {};
  add(sum, writes);
  return Object.fromEntries(
    WRITES.flatMap((kind) =>
      sum[kind] === undefined ? [] : [[kind, sum[kind]]]
    ),
  );
}
