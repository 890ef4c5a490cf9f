import { compareText } from "../../../../core/policy/compare_text.ts";
import type { LbAddress } from "./lb_address.ts";
import { addressText } from "./lb_address.ts";
import { murmur3 } from "./murmur3.ts";

/** Values of `maglev.tableSize`: primes (Documentation/network/kubernetes/kubeproxy-free.rst, Maglev). */
export const MAGLEV_SIZES = [
  251,
  509,
  1021,
  2039,
  4093,
  8191,
  16_381,
  32_749,
  65_521,
  131_071,
] as const;

/** What the agent takes when nothing is configured. */
export const MAGLEV_DEFAULTS = {
  size: 16_381,
  seed: "JLfvgnHc2kaSUFaI",
} as const;

/** A backend to be spread over a table. */
export interface MaglevBackend {
  readonly id: number;
  readonly address: LbAddress;
  /** All the same: everyone in turn. */
  readonly weight: number;
}

/** A backend with its way through the table. */
interface Turn {
  readonly id: number;
  readonly weight: number;
  readonly skip: number;
  /** The place it asks for next. */
  place: number;
  /** How often its weight has let it have a turn. */
  turns: number;
}

/**
 * The lookup table of Maglev hashing as the agent fills it (pkg/maglev): in
 * turn, in the order of their names, backends take the next free place of
 * their own permutation; who has more weight gets more turns. The same on
 * every node, but for the ids.
 */
export function maglevTable(
  backends: readonly MaglevBackend[],
  { size, seed }: { readonly size: number; readonly seed: string } =
    MAGLEV_DEFAULTS,
): Uint32Array {
  const table = new Uint32Array(size);
  if (backends.length === 0) return table;
  const hashSeed = murmurSeed(seed);
  const turns = backends
    .map((backend) => ({ ...backend, name: nameOf(backend.address) }))
    .sort((a, b) => compareText(a.name, b.name))
    .map(({ id, weight, name }) =>
      turnOf({ id, weight }, { name, size, seed: hashSeed })
    );
  const weights = turns.reduce((sum, { weight }) => sum + weight, 0);
  const weighted = Math.floor(weights / turns.length) > 1;
  const taken = new Uint8Array(size);
  for (let n = 0; n < size; n++) {
    let at = n % turns.length;
    while (weighted && !hasTurn(turns[at]!, { n, weights, of: turns.length })) {
      at = (at + 1) % turns.length;
    }
    const turn = turns[at]!;
    turn.turns++;
    while (taken[turn.place] === 1) step(turn, size);
    taken[turn.place] = 1;
    table[turn.place] = turn.id;
    step(turn, size);
  }
  return table;
}

/**
 * Whether a backend's weight lets it have this turn. The counter starts at
 * weight / backends and grows by the sum of weights a turn; it is kept as whole
 * numbers here.
 */
function hasTurn(
  { weight, turns }: Turn,
  { n, weights, of }: {
    readonly n: number;
    readonly weights: number;
    readonly of: number;
  },
): boolean {
  const counter = Math.floor((weight + turns * weights * of) / of);
  return (n + 1) * weight >= counter;
}

function turnOf(
  { id, weight }: { readonly id: number; readonly weight: number },
  { name, size, seed }: {
    readonly name: string;
    readonly size: number;
    readonly seed: number;
  },
): Turn {
  const [h1, h2] = murmur3(new TextEncoder().encode(name), seed);
  return {
    id,
    weight,
    place: Number(h1 % BigInt(size)),
    skip: Number(h2 % BigInt(size - 1)) + 1,
    turns: 0,
  };
}

function step(turn: Turn, size: number): void {
  turn.place = (turn.place + turn.skip) % size;
}

/** What is hashed: the text of a backend that is active, whatever its state (BackendInfo.setHashString). */
function nameOf(address: LbAddress): string {
  return `[${addressText(address)},State:active]`;
}

/** The first four of the seed's twelve bytes; the others are for the datapath's own hash. */
function murmurSeed(seed: string): number {
  const bytes = atob(seed);
  let value = 0;
  for (let at = 0; at < 4; at++) value = value << 8 | bytes.charCodeAt(at);
  return value >>> 0;
}
