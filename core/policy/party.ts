import type { ContainerPort, Labels, Node, Pod } from "../cluster/model.ts";
import type { Cidr } from "../packet/ip.ts";

/**
 * Someone at one end of a connection, as policies tell them apart: all pods
 * that no policy can distinguish are one party. Addresses count only through
 * the longest prefix of any policy that has them.
 */
export interface Party {
  /** Dense from 0, in the order in which parties were met. */
  readonly id: number;
  readonly kind: "pod" | "node" | "outside" | "role";
  /** Who it is when it is told by something else than labels or an address: a proxy by its mark; null unless a role. */
  readonly role: string | null;
  /** Pod labels that policies see; empty unless a pod. */
  readonly labels: Labels;
  readonly namespace: string;
  readonly namespaceLabels: Labels;
  readonly serviceAccount: string;
  /** Named container ports, which rules resolve at the destination. */
  readonly ports: readonly ContainerPort[];
  readonly node: Node | null;
  /** A node, and the one that the other end runs on. */
  readonly local: boolean;
  /** Null when no policy names a prefix that has the address. */
  readonly prefix: Cidr | null;
  /** Names whose lookup gave the address, sorted; only of someone outside. */
  readonly names: readonly string[];
  /** The first pod met that is this party, for words. */
  readonly example: Pod | null;
}

/** Yes, no, or not decided because something is not modelled. */
export type Match = boolean | "unknown";

/** Whom a rule speaks of at the other end. */
export interface PeerMatch {
  matches(party: Party): Match;
}

/** Whether an address block, less its exceptions, has the party's address. */
export function blockMatch(
  block: { readonly cidr: Cidr; readonly except: readonly Cidr[] },
): PeerMatch {
  return {
    matches: ({ prefix }) =>
      prefix !== null && covers(block.cidr, prefix) &&
      !block.except.some((hole) => covers(hole, prefix)),
  };
}

/** Whether every address of `inner` is in `outer`. */
export function covers(outer: Cidr, inner: Cidr): boolean {
  return inner.length >= outer.length && outer.contains(inner.base);
}
