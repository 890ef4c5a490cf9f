import { PROTOCOL } from "../../../../core/packet/packet.ts";
import type { RuleSet } from "../../../../core/policy/judgement.ts";
import { protocolNumber } from "../../../../core/policy/match_rule.ts";
import type { Party } from "../../../../core/policy/party.ts";
import {
  type PolicyDirection,
  type PolicyRule,
  type PortMatch,
  TIER,
} from "../../../../core/policy/policy.ts";
import { type EntryKey, type PolicyMapEntry } from "./map_entry.ts";
import { mapState, mergeEntries } from "./map_state.ts";
import { portPrefixes } from "./port_prefixes.ts";
import {
  allowPrecedence,
  denyPrecedence,
  type Parser,
  parserOf,
} from "./precedence.ts";

/** Someone that rules may select, under a number. */
export interface Identity {
  readonly identity: number;
  readonly party: Party;
}

/** What one endpoint's map is made from. */
export interface PolicySources {
  readonly subject: Party;
  /** What policies say of the subject, by direction. */
  readonly rules: Readonly<Record<PolicyDirection, RuleSet>>;
  /** Everyone there is. */
  readonly identities: readonly Identity[];
  /** Where the proxy listens, by what it reads. */
  readonly proxyPorts: Readonly<Record<Parser, number>>;
  /** Whether a node reaches its pods whatever policies say (`allow-localhost`). */
  readonly allowLocalhost: boolean;
  /** Whether any protocol stands for SCTP too (`sctp.enabled`). */
  readonly sctp: boolean;
  /** Identities that stand for anyone: 0, and in releases that aggregate, those of aggregates too. */
  readonly anyone: readonly number[];
}

/** Entries for a map, and what of the rules could not be made into any. */
export interface PolicyEntries {
  readonly entries: readonly PolicyMapEntry[];
  readonly unmodelled: readonly string[];
}

/** The identity of the node a pod runs on. */
const HOST = 1;

const NO_AUTH = { type: 0, explicit: false } as const;

/** Numbers of authentication modes (pkg/policy/types/auth.go). */
const AUTH_TYPE: Readonly<Record<string, number>> = {
  required: 1,
  "test-always-fail": 2,
};

/**
 * The entries of an endpoint's policy map, as the agent works them out from
 * the same rules (pkg/policy, L4Filter.toMapState).
 */
export function policyEntries(sources: PolicySources): PolicyEntries {
  const unmodelled = new Set<string>();
  const wanted = (["ingress", "egress"] as const).flatMap((direction) =>
    directionEntries(sources, direction, unmodelled)
  );
  const entries = mapState(wanted).flatMap((entry) =>
    entry.key.identity !== 0 ? [entry] : sources.anyone.map((identity) => ({
      ...entry,
      key: { ...entry.key, identity },
    }))
  );
  return { entries, unmodelled: [...unmodelled].sort() };
}

function directionEntries(
  sources: PolicySources,
  direction: PolicyDirection,
  unmodelled: Set<string>,
): PolicyMapEntry[] {
  const { rules, isolatedBy } = sources.rules[direction];
  const egress = direction === "egress";
  const priorities = prioritiesOf(sources.rules[direction]);
  const entries: PolicyMapEntry[] = [];
  const groups = new Map<string, Map<number, PolicyMapEntry>>();
  for (const { tier, rule } of rules) {
    const reason = rule.verdict === "pass"
      ? "a rule that passes to the next tier"
      : rule.unmodelled;
    if (reason !== null) {
      unmodelled.add(reason);
      continue;
    }
    const priority = priorities.get(levelOf(tier, rule))!;
    for (const { port, identities } of reach(rule, sources, unmodelled)) {
      const name = `${priority} ${port.protocol} ${port.from}-${port.to}`;
      let group = groups.get(name);
      if (group === undefined) groups.set(name, group = new Map());
      for (const identity of identities) {
        const entry = entryOf(rule, {
          priority,
          sources,
          key: { ...keyOf(port), identity, egress },
        });
        const there = group.get(identity);
        group.set(
          identity,
          there === undefined ? entry : mergeEntries(there, entry),
        );
      }
    }
  }
  for (const group of groups.values()) {
    const anyone = group.get(0);
    for (const [identity, entry] of group) {
      // What says the same as the entry for anyone is left out, but without a port.
      const told = identity !== 0 && anyone !== undefined &&
        entry.key.protocol !== 0 && sameAnswer(anyone, entry);
      if (!told) entries.push(...spread(entry));
    }
  }
  if (isolatedBy === null) {
    entries.push(
      plainAllow({ identity: 0, egress, priority: priorities.get(LAST)! }),
    );
  } else if (!egress && sources.allowLocalhost) {
    entries.push(plainAllow({ identity: HOST, egress, priority: 0 }));
  }
  return entries;
}

/** Ports as one group of entries has them. */
interface Reach {
  readonly protocol: number;
  readonly from: number;
  readonly to: number;
}

const ALL_PORTS = { from: 0, to: 65_535 } as const;

/** Whom a rule speaks of on which ports. */
function reach(
  rule: PolicyRule,
  sources: PolicySources,
  unmodelled: Set<string>,
): { readonly port: Reach; readonly identities: readonly number[] }[] {
  const peers = peersOf(rule, sources, unmodelled);
  if (rule.ports === null) {
    return [{ port: { protocol: 0, ...ALL_PORTS }, identities: peers }];
  }
  return rule.ports.flatMap((match) =>
    protocolsOf(match.protocol, sources).flatMap((protocol) =>
      match.kind === "range"
        ? match.protocol === null && isEveryPort(match)
          ? [{ port: { protocol: 0, ...ALL_PORTS }, identities: peers }]
          : [{
            port: { protocol, from: match.from, to: match.to },
            identities: peers,
          }]
        : namedPorts(match, { protocol, rule, sources, peers })
    )
  );
}

function peersOf(
  { peers }: PolicyRule,
  { identities }: PolicySources,
  unmodelled: Set<string>,
): number[] {
  if (peers === null) return [0];
  const found = new Set<number>();
  for (const { identity, party } of identities) {
    const answers = peers.map((peer) => peer.matches(party));
    if (answers.includes(true)) found.add(identity);
    else if (answers.includes("unknown")) {
      unmodelled.add("a peer that is not modelled");
    }
  }
  return [...found];
}

/** A name has one number at the subject, and one for each identity at the other end. */
function namedPorts(
  { name }: PortMatch & { readonly kind: "named" },
  { protocol, rule, sources, peers }: {
    readonly protocol: number;
    readonly rule: PolicyRule;
    readonly sources: PolicySources;
    readonly peers: readonly number[];
  },
): { readonly port: Reach; readonly identities: readonly number[] }[] {
  const numbersAt = ({ ports }: Party) =>
    ports.filter((port) =>
      port.name === name && protocolNumber(port.protocol) === protocol
    ).map(({ port }) => port);
  const exactly = (port: number) => ({ protocol, from: port, to: port });
  if (rule.direction === "ingress") {
    return numbersAt(sources.subject).map((port) => ({
      port: exactly(port),
      identities: peers,
    }));
  }
  const everyone = peers.includes(0);
  return sources.identities
    .filter(({ identity }) => everyone || peers.includes(identity))
    .flatMap(({ identity, party }) =>
      numbersAt(party).map((port) => ({
        port: exactly(port),
        identities: [identity],
      }))
    );
}

function protocolsOf(
  protocol: number | null,
  { sctp }: PolicySources,
): number[] {
  if (protocol !== null) return [protocol];
  return sctp
    ? [PROTOCOL.tcp, PROTOCOL.udp, PROTOCOL.sctp]
    : [PROTOCOL.tcp, PROTOCOL.udp];
}

function isEveryPort({ from, to }: Pick<Reach, "from" | "to">): boolean {
  return from === ALL_PORTS.from && to === ALL_PORTS.to;
}

/** The key of a group; a range keeps its first port until it is spread. */
function keyOf(
  { protocol, from, to }: Reach,
): Omit<EntryKey, "identity" | "egress"> & { readonly to: number } {
  return { protocol, port: from, portBits: 16, to };
}

function spread(entry: PolicyMapEntry): PolicyMapEntry[] {
  const { to, ...key } = entry.key as EntryKey & { readonly to: number };
  if (key.protocol === 0) {
    return [{ ...entry, key: { ...key, port: 0, portBits: 0 } }];
  }
  return portPrefixes(key.port, to).map(({ port, bits }) => ({
    ...entry,
    key: { ...key, port, portBits: bits },
  }));
}

function entryOf(
  { verdict, l7, authentication, rule }: PolicyRule,
  { key, priority, sources }: {
    readonly key: EntryKey;
    readonly priority: number;
    readonly sources: PolicySources;
  },
): PolicyMapEntry {
  if (verdict === "deny") {
    return {
      key,
      deny: true,
      proxyPort: 0,
      auth: NO_AUTH,
      precedence: denyPrecedence(priority),
      rules: [rule],
    };
  }
  const parser = l7 === null ? null : parserOf(l7);
  return {
    key,
    deny: false,
    proxyPort: parser === null ? 0 : sources.proxyPorts[parser],
    auth: authentication === null
      ? NO_AUTH
      : { type: AUTH_TYPE[authentication] ?? 1, explicit: true },
    precedence: allowPrecedence(priority, parser),
    rules: [rule],
  };
}

function plainAllow(
  { identity, egress, priority }: {
    readonly identity: number;
    readonly egress: boolean;
    readonly priority: number;
  },
): PolicyMapEntry {
  return {
    key: { identity, egress, protocol: 0, port: 0, portBits: 0 },
    deny: false,
    proxyPort: 0,
    auth: NO_AUTH,
    precedence: allowPrecedence(priority, null),
    rules: [],
  };
}

function sameAnswer(a: PolicyMapEntry, b: PolicyMapEntry): boolean {
  return a.precedence === b.precedence && a.proxyPort === b.proxyPort &&
    a.auth.type === b.auth.type && a.auth.explicit === b.auth.explicit;
}

const LAST = "last";

/** Priorities from 0 for the levels that occur, the first tier first; what is allowed without any rule comes last. */
function prioritiesOf({ rules }: RuleSet): Map<string, number> {
  const levels = rules.map(({ tier, rule }) => levelOf(tier, rule));
  const order = new Map<string, number>();
  for (const level of levels) {
    if (!order.has(level)) order.set(level, order.size);
  }
  // Beside rules of the normal tier alone it is one more of them.
  const plain = rules.every(({ tier }) => tier === TIER.normal);
  order.set(LAST, plain ? 0 : order.size);
  return order;
}

function levelOf(tier: number, { priority, index }: PolicyRule): string {
  return `${tier} ${priority} ${index}`;
}
