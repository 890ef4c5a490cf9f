import { firstDifferentHop } from "../../../core/diff/journeys.ts";
import type { Hop } from "../../../core/replay/hop.ts";

/** One hop as a lane shows it. */
export interface LaneHop {
  readonly hop: Hop;
  /** Rules just before that let the packet pass as it was. */
  readonly passed: readonly Hop[];
  /** Where this stack leaves the baseline's way. */
  readonly parts: boolean;
  /** Whether the packet is in a tunnel, or encrypted, at this hop. */
  readonly tunnel: boolean;
  readonly encrypted: boolean;
  readonly firstOfReply: boolean;
}

/** The way of one flow through one stack. */
export interface Lane {
  readonly stack: string;
  readonly hops: readonly LaneHop[];
  /** Hops that this lane and the baseline's have in common at the start. */
  readonly common: number;
  readonly differs: boolean;
}

/** All lanes, and how many hops they all begin with. */
export interface Lanes {
  readonly lanes: readonly Lane[];
  readonly common: number;
}

/** One stack's journey, as it came. */
export interface StackJourney {
  readonly stack: string;
  readonly hops: readonly Hop[];
}

/**
 * Journeys side by side. Hops that change nothing have no place of their own:
 * two stacks need not look at a packet equally often to do the same with it.
 */
export function lanesOf(
  journeys: readonly StackJourney[],
  { baseline, stack }: {
    readonly baseline: string;
    /** Where the baseline's lane parts from this one, it is marked. */
    readonly stack: string | null;
  },
): Lanes {
  const base = journeys.find(({ stack }) => stack === baseline) ?? journeys[0];
  const parting = journeys.map(({ hops }) => {
    const { common, left, right } = firstDifferentHop(base?.hops ?? [], hops);
    return { common, differs: left !== null || right !== null };
  });
  const others = parting.filter(({ differs }) => differs);
  const common = Math.min(...others.map((one) => one.common), Infinity);
  const held = parting[journeys.findIndex((one) => one.stack === stack)];
  const basePartsAt = held?.differs
    ? held.common
    : others.length > 0
    ? common
    : -1;
  const lanes = journeys.map(({ stack, hops }, index): Lane => {
    const isBase = stack === base?.stack;
    const { differs } = parting[index]!;
    const partsAt = isBase
      ? basePartsAt
      : differs
      ? parting[index]!.common
      : -1;
    const shown = laneHops(hops, partsAt);
    return {
      stack,
      hops: shown,
      common: partsAt < 0 ? shown.length : partsAt,
      differs: isBase ? others.length > 0 : differs,
    };
  });
  const longest = Math.max(...lanes.map(({ hops }) => hops.length), 0);
  return { lanes, common: Math.min(common, longest) };
}

function laneHops(hops: readonly Hop[], partsAt: number): LaneHop[] {
  const shown: LaneHop[] = [];
  let passed: Hop[] = [];
  let tunnel = false;
  let encrypted = false;
  let reply = false;
  for (const hop of hops) {
    if (hop.action === "accept" || hop.action === "bypass") {
      if (hop.rule !== null) passed.push(hop);
      continue;
    }
    if (hop.action === "encapsulate") tunnel = true;
    if (hop.action === "encrypt") encrypted = true;
    const sealed = encrypted || crossedEncrypted(hop);
    const firstOfReply = hop.direction === "reply" && !reply;
    reply = hop.direction === "reply";
    shown.push({
      hop,
      passed,
      parts: shown.length === partsAt,
      tunnel,
      encrypted: sealed,
      firstOfReply,
    });
    passed = [];
    // What is put around a packet at a node's edge is gone on the other side.
    if (hop.action === "cross") tunnel = encrypted = false;
  }
  return shown;
}

/** A wire crossing names its encryption last: `n1 -> n2, wireguard`. */
function crossedEncrypted({ action, detail }: Hop): boolean {
  return action === "cross" && /, (?!none$)[\w+]+$/.test(detail);
}

/** A part of a text; `changed` where it is new. */
export interface TextPart {
  readonly text: string;
  readonly changed: boolean;
}

/** The words of a packet's header with those marked that the hop before had not. */
export function changedWords(
  before: string | null,
  after: string,
): TextPart[] {
  const old = before?.split(" ") ?? null;
  return after.split(" ").map((text, index) => ({
    text,
    changed: old !== null && old[index] !== text,
  }));
}
