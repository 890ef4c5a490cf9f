import type { Ip } from "../../core/packet/ip.ts";
import type { Packet } from "../../core/packet/packet.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type { BackendSet } from "./backend_set.ts";
import type { Frontend } from "./frontend.ts";
import { jhashFinal, jhashMix } from "./jhash.ts";
import { maglevTable } from "./maps/lb/maglev.ts";

/** How Maglev is set up: the same on all nodes, or they would not agree. */
export interface MaglevSettings {
  readonly size: number;
  readonly seed: string;
}

/** A set of backends spread over a lookup table. */
interface Spread {
  /** Index of a backend, counted from one. */
  readonly table: Uint32Array;
  /** The share of the table that each backend has. */
  readonly weighted: readonly WeightedBackend[];
}

/** Tables kept at a time: each is 64 KB at the usual size. */
const MOST_TABLES = 256;

const SEED_AT = { 4: 4, 6: 8 } as const;

/** `cilium_lb4_maglev` and its twin: tables, filled when a packet first needs them. */
export class MaglevTables {
  readonly #settings: MaglevSettings;
  readonly #seeds: Readonly<Record<4 | 6, number>>;
  readonly #spreads = new Map<BackendSet, Spread>();

  constructor(settings: MaglevSettings) {
    this.#settings = settings;
    this.#seeds = {
      4: seedWord(settings.seed, SEED_AT[4]),
      6: seedWord(settings.seed, SEED_AT[6]),
    };
  }

  /**
   * The backend that a packet's client hashes to (lb4_select_backend_id_maglev):
   * of its address, its port unless clients are to stay where they are, and
   * the port and protocol it asks for; never of the address it asks.
   */
  pick(
    packet: Packet,
    { set, frontend, affinity }: {
      readonly set: BackendSet;
      readonly frontend: Frontend;
      readonly affinity: boolean;
    },
  ): { readonly index: number; readonly weighted: Spread["weighted"] } {
    const { table, weighted } = this.#spread(set, frontend);
    const hash = tupleHash(packet, {
      seed: this.#seeds[packet.source.family],
      sourcePort: affinity ? 0 : packet.sourcePort,
    });
    return { index: table[hash % table.length]! - 1, weighted };
  }

  #spread(set: BackendSet, { protocol }: Frontend): Spread {
    const known = this.#spreads.get(set);
    if (known !== undefined) return known;
    const table = set.table ?? maglevTable(
      set.backends.map((backend, index) => ({
        id: index + 1,
        weight: 1,
        address: { ...backend, protocol, scope: 0 as const },
      })),
      this.#settings,
    );
    const shares = new Array<number>(set.backends.length).fill(0);
    for (const id of table) if (id > 0) shares[id - 1]!++;
    const weighted = shares.map((weight, index) => ({
      backend: set.weighted[index]!.backend,
      weight,
    }));
    if (this.#spreads.size >= MOST_TABLES) {
      const [oldest] = this.#spreads.keys();
      this.#spreads.delete(oldest!);
    }
    const spread = { table, weighted };
    this.#spreads.set(set, spread);
    return spread;
  }
}

/** Four of the seed's twelve bytes (pkg/maglev, SeedJhash0 and SeedJhash1). */
function seedWord(seed: string, at: number): number {
  const bytes = atob(seed);
  let value = 0;
  for (let index = at; index < at + 4; index++) {
    value = value << 8 | bytes.charCodeAt(index);
  }
  return value >>> 0;
}

/**
 * hash_from_tuple_v4 and _v6 (bpf/lib/hash.h), as a little-endian machine has
 * them: addresses and ports are in network order in memory.
 */
export function tupleHash(
  { source, destinationPort, protocol }: Packet,
  { seed, sourcePort }: { readonly seed: number; readonly sourcePort: number },
): number {
  const ports = swap16(destinationPort) << 16 | swap16(sourcePort);
  return source.family === 4
    ? hashOfFour(source, { ports, protocol, seed })
    : hashOfSix(source, { ports, protocol, seed });
}

interface Words {
  readonly ports: number;
  readonly protocol: number;
  readonly seed: number;
}

/** jhash_3words() of include/linux/jhash.h. */
function hashOfFour(source: Ip, { ports, protocol, seed }: Words): number {
  const start = (seed + 0xdeadbeef + (3 << 2)) | 0;
  return jhashFinal(
    (swap32(source.w3) + start) | 0,
    (ports + start) | 0,
    (protocol + start) | 0,
  );
}

function hashOfSix(source: Ip, { ports, protocol, seed }: Words): number {
  const mixed = jhashMix(
    swap32(source.w0),
    swap32(source.w1),
    swap32(source.w2),
  );
  return jhashFinal(
    (mixed[0] + swap32(source.w3) + seed) | 0,
    (mixed[1] + ports) | 0,
    (mixed[2] + protocol) | 0,
  );
}

function swap16(port: number): number {
  return (port & 0xff) << 8 | port >>> 8;
}

function swap32(word: number): number {
  return word << 24 | (word & 0xff00) << 8 | word >>> 8 & 0xff00 | word >>> 24;
}
