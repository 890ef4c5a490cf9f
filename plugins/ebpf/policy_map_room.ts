import type { ClusterView } from "../../core/cluster/view.ts";
import type { Cidr } from "../../core/packet/ip.ts";
import type { Judgement, RuleSet } from "../../core/policy/judgement.ts";
import type { Party } from "../../core/policy/party.ts";
import type { PolicyRule } from "../../core/policy/policy.ts";
import type { PolicyIndex } from "../../core/policy/policy_index.ts";
import { ROLES } from "./identity.ts";
import { type Identity, policyEntries } from "./maps/policy/policy_entries.ts";
import { portPrefixes } from "./maps/policy/port_prefixes.ts";
import type { Settings } from "./options.ts";

/** First release that can lock an endpoint down (cilium/cilium PR 35042). */
const LOCKDOWN_SINCE = 17;

/** No proxy's port is of interest to a count. */
const PROXY_PORTS = { http: 1, tls: 1, dns: 1, other: 1 } as const;

/**
 * Whether the entries of an endpoint's rules have room in its policy map
 * (`bpf.policyMapMax`). An agent whose entries have not writes none of them
 * (pkg/endpoint/bpf.go): the map stays as it was, which no manifest tells, or,
 * where it is asked to, everything is denied.
 */
export class PolicyMapRoom {
  readonly #index: PolicyIndex;
  readonly #cluster: ClusterView;
  readonly #settings: Settings;
  /** By party: what is said in place of any answer; null where all have room. */
  readonly #instead: (Judgement | null)[] = [];
  #identities: readonly Identity[] | null = null;
  #prefixes: readonly Cidr[] | null = null;

  constructor({ index, cluster, settings }: {
    readonly index: PolicyIndex;
    readonly cluster: ClusterView;
    readonly settings: Settings;
  }) {
    this.#index = index;
    this.#cluster = cluster;
    this.#settings = settings;
  }

  /** What is said to every packet of a subject whose map overflows; null for others. */
  insteadFor(subject: Party): Judgement | null {
    let instead = this.#instead[subject.id];
    if (instead === undefined) {
      this.#instead[subject.id] = instead = this.#judge(subject);
    }
    return instead;
  }

  #judge(subject: Party): Judgement | null {
    const most = this.#settings.policyMapMax;
    const rules = {
      ingress: this.#index.rulesOf(subject, "ingress"),
      egress: this.#index.rulesOf(subject, "egress"),
    };
    // Counting is dear, and a bound is mostly enough.
    if (rules.ingress.rules.length + rules.egress.rules.length === 0) {
      return null;
    }
    const bound = this.#boundOf(rules.ingress) + this.#boundOf(rules.egress);
    if (bound <= most) return null;
    this.#identities ??= this.#everyone();
    const { entries } = policyEntries({
      subject,
      rules,
      identities: this.#identities,
      proxyPorts: PROXY_PORTS,
      allowLocalhost: true,
      sctp: false,
      anyone: [0],
    });
    return entries.length <= most ? null : this.#overflow(entries.length);
  }

  #overflow(count: number): Judgement {
    const { policyMapMax: most, lockdown, minor } = this.#settings;
    const needs =
      `the policy map needs ${count} entries and has room for ${most}`;
    const base = {
      isolated: true,
      l7: null,
      free: true,
      authentication: null,
      rulesAsked: 0,
      staged: null,
    } as const;
    return lockdown && minor >= LOCKDOWN_SINCE
      ? {
        ...base,
        verdict: "deny",
        explicit: true,
        reason: null,
        rule: { name: "cilium_policy_v2 (endpoint lockdown)", text: needs },
      }
      : {
        ...base,
        verdict: "unknown",
        explicit: false,
        reason: `${needs}: the agent leaves it as it was`,
        rule: { name: "cilium_policy_v2", text: "bpf.policyMapMax" },
      };
  }

  #boundOf({ rules }: RuleSet): number {
    // Localhost and anyone have an entry whatever the rules.
    const identities = this.#cluster.pods.size +
      2 * this.#cluster.nodes.size + this.#named().length +
      Object.keys(ROLES).length;
    return rules.reduce(
      (sum, { rule }) =>
        sum + (rule.peers === null ? 1 : identities) * prefixesOf(rule),
      2,
    );
  }

  /** Prefixes that some policy names: each has an identity of its own. */
  #named(): readonly Cidr[] {
    return this.#prefixes ??= this.#index.policies.flatMap(({ prefixes }) =>
      prefixes
    );
  }

  /**
   * Everyone whom a rule may select, under numbers of no meaning; addresses
   * that names were looked up for are left out, as they come and go.
   */
  #everyone(): Identity[] {
    const parties = new Set<Party>(
      Object.values(ROLES).map((role) => this.#index.role(role)),
    );
    for (const pod of this.#cluster.pods.values()) {
      if (pod.running && !pod.hostNetwork) {
        parties.add(this.#index.partyOf(pod));
      }
    }
    for (const { internalIps: [ip] } of this.#cluster.nodes.values()) {
      const holder = ip === undefined ? null : this.#index.holderOf(ip);
      if (holder?.kind !== "node") continue;
      parties.add(holder.local);
      parties.add(holder.remote);
    }
    for (const prefix of this.#named()) {
      parties.add(this.#index.outside(prefix));
    }
    return [...parties].map((party, at) => ({ identity: at + 1, party }));
  }
}

/** Keys that the ports of a rule come to for each identity; a name, at most one for each protocol. */
function prefixesOf({ ports }: PolicyRule): number {
  if (ports === null) return 1;
  return ports.reduce((sum, port) => {
    const protocols = port.protocol === null ? 3 : 1;
    return sum + protocols *
        (port.kind === "named" ? 1 : portPrefixes(port.from, port.to).length);
  }, 0);
}
