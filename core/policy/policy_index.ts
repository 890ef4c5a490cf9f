import type { Node, Pod } from "../cluster/model.ts";
import type { ClusterView } from "../cluster/view.ts";
import { LIMITS } from "../limits.ts";
import { type Cidr, Ip } from "../packet/ip.ts";
import type { Rule } from "../source.ts";
import { AnswerTable } from "./answer_table.ts";
import { compareText } from "./compare_text.ts";
import {
  evaluate,
  type Judgement,
  type RuleSet,
  ruleSetOf,
} from "./judgement.ts";
import type { Question } from "./match_rule.ts";
import type { Party } from "./party.ts";
import { type Holder, PartyTable } from "./party_table.ts";
import type { Policy, PolicyDirection } from "./policy.ts";
import type { PolicyProfile } from "./profile.ts";

/** One question to a policy index, in terms of the cluster. */
export interface PolicyQuestion {
  readonly direction: PolicyDirection;
  /** The pod whose policies are asked: the source for egress, the destination for ingress. */
  readonly subject: Pod;
  /** The other end; an address is looked up, a pod counts without its address. */
  readonly peer: Ip | Pod;
  readonly protocol: number;
  /** Destination port after service translation, or the ICMP type. */
  readonly port: number;
}

/**
 * All policies of a cluster at one moment, compiled to be asked. Answers are
 * remembered by (party, party, protocol, port), so a repeated question costs
 * a table lookup whatever the number of policies.
 */
export class PolicyIndex {
  readonly profile: PolicyProfile;
  readonly #table: PartyTable;
  #policies: readonly Policy[] = [];
  #everywhere: readonly Policy[] = [];
  readonly #byNamespace = new Map<string, Policy[]>();
  readonly #answers = new AnswerTable(LIMITS.policyAnswers);
  #memories = 0;
  readonly #memory = {
    ingress: [] as (Memory | undefined)[],
    egress: [] as (Memory | undefined)[],
  };

  constructor(
    policies: readonly Policy[],
    { cluster, profile, prefixes = [] }: {
      readonly cluster: ClusterView;
      readonly profile: PolicyProfile;
      /** Prefixes to be told apart though no rule names them. */
      readonly prefixes?: readonly Cidr[];
    },
  ) {
    this.profile = profile;
    this.#table = new PartyTable(cluster, { prefixes, profile });
    this.update(policies);
  }

  /** By name. */
  get policies(): readonly Policy[] {
    return this.#policies;
  }

  /**
   * Takes in what has changed since: the cluster, and these policies in place
   * of those before. What is the same object is taken for unchanged; rules are
   * gathered anew only for the subjects of policies that are not.
   */
  update(policies: readonly Policy[]): void {
    const [before, after] = [new Set(this.#policies), new Set(policies)];
    const added = policies.filter((one) => !before.has(one));
    const removed = this.#policies.filter((one) => !after.has(one));
    this.#table.refresh(added.flatMap((one) => one.prefixes));
    if (added.length + removed.length === 0) return;
    this.#forgetSubjects([...added, ...removed]);
    this.#policies = policies.toSorted((a, b) => compareText(a.name, b.name));
    this.#everywhere = this.#policies.filter((one) => one.namespace === null);
    this.#byNamespace.clear();
    for (const policy of this.#policies) {
      if (policy.namespace === null) continue;
      const there = this.#byNamespace.get(policy.namespace);
      if (there === undefined) {
        this.#byNamespace.set(policy.namespace, [policy]);
      } else there.push(policy);
    }
  }

  #forgetSubjects(changed: readonly Policy[]): void {
    for (const memory of [this.#memory.ingress, this.#memory.egress]) {
      for (const [id, known] of memory.entries()) {
        if (known === undefined) continue;
        const party = this.#table.parties[id]!;
        if (changed.some((policy) => policy.selects(party))) {
          memory[id] = undefined;
        }
      }
    }
  }

  /** Every party met so far. */
  get parties(): readonly Party[] {
    return this.#table.parties;
  }

  /** Who has an address. */
  holderOf(ip: Ip): Holder {
    return this.#table.holderOf(ip);
  }

  /** The party of a pod by what it is, its address left out. */
  partyOf(pod: Pod): Party {
    return this.#table.partyOf(pod);
  }

  /** Someone outside of whom no more is known than a prefix that policies name. */
  outside(prefix: Cidr | null, names: readonly string[] = []): Party {
    return this.#table.outside(prefix, names);
  }

  /** Someone who is told neither by labels nor by an address. */
  role(name: string): Party {
    return this.#table.role(name);
  }

  /** Answers for a pod and whoever is at the other end. */
  judge(question: PolicyQuestion): Judgement {
    const { subject, peer } = question;
    if (this.#isNode(subject)) return NO_SAY;
    const self = this.#subjectParty(subject);
    if (!(peer instanceof Ip)) {
      const party = this.#isNode(peer)
        ? this.#nodeParty(peer, subject)
        : this.#table.partyOf(peer);
      return this.judgeParties(self, { ...question, peer: party });
    }
    if (
      this.profile.selfAllowed && subject.ips.some((own) => own.equals(peer))
    ) return TO_ITSELF;
    const holder = this.#table.holderOf(peer);
    const party = partyFor(holder, subject.node);
    return this.judgeParties(self, { ...question, peer: party });
  }

  /** Answers for two parties; the way for callers that keep parties at hand. */
  judgeParties(
    subject: Party,
    { direction, peer, protocol, port }: {
      readonly direction: PolicyDirection;
      readonly peer: Party;
      readonly protocol: number;
      readonly port: number;
    },
  ): Judgement {
    const memory = this.#memoryOf(subject, direction);
    if (memory === SILENT) return NO_SAY;
    const service = protocol << 16 | port;
    const known = this.#answers.get(memory.id, peer.id, service);
    if (known !== undefined) return known;
    const question = { direction, subject, peer, protocol, port };
    const found = oneOf(memory.answers, this.#judge(memory, question));
    this.#answers.set(found, { rules: memory.id, peer: peer.id, service });
    return found;
  }

  #judge({ set, staged }: Memory, question: Question): Judgement {
    const found = this.#evaluate(set, question);
    if (staged === null || found.verdict !== "allow") return found;
    const full = this.#evaluate(staged, question);
    return full.verdict === "deny" ? { ...found, staged: full } : found;
  }

  #evaluate(set: RuleSet, question: Question): Judgement {
    const found = evaluate(set, question, this.profile);
    const exempt = this.profile.localNodeAllowed && question.peer.local &&
      question.direction === "ingress" && found.verdict !== "allow" &&
      !found.explicit;
    return exempt ? FROM_ITS_NODE : found;
  }

  /** The rules that count for a party in a direction, in the order in which they are asked. */
  rulesOf(subject: Party, direction: PolicyDirection): RuleSet {
    return this.#memoryOf(subject, direction).set;
  }

  #memoryOf(subject: Party, direction: PolicyDirection): Memory {
    return this.#memory[direction][subject.id] ??= this.#remember(
      subject,
      direction,
    );
  }

  #remember(subject: Party, direction: PolicyDirection): Memory {
    const { enforcement } = this.profile;
    const policies = enforcement === "never" ? [] : [
      ...this.#everywhere,
      ...(this.#byNamespace.get(subject.namespace) ?? []),
    ].sort((a, b) => compareText(a.name, b.name));
    const full = this.#ruleSet(policies, { party: subject, direction });
    const all = this.profile.stages?.(subject) ?? false;
    const enforced = policies.filter(({ staged }) => !all && staged !== true);
    const set = enforced.length === policies.length && !all
      ? full
      : ruleSetOf(enforced, { party: subject, direction });
    if (full.rules.length === 0 && full.isolatedBy === null) return SILENT;
    return {
      id: ++this.#memories,
      set,
      staged: set === full ? null : full,
      answers: [],
    };
  }

  #ruleSet(
    policies: readonly Policy[],
    of: { readonly party: Party; readonly direction: PolicyDirection },
  ): RuleSet {
    const found = ruleSetOf(policies, of);
    return this.profile.enforcement === "always" && found.isolatedBy === null
      ? { ...found, isolatedBy: ALWAYS_ENFORCED }
      : found;
  }

  /** A pod of the host's network is the node to policies: never a subject, a peer by address alone. */
  #isNode(pod: Pod): boolean {
    return pod.hostNetwork && !this.profile.tellsHostNetworkPods;
  }

  #subjectParty(pod: Pod): Party {
    const ip = pod.ips[0];
    const holder = ip === undefined ? undefined : this.#table.holderOf(ip);
    return holder?.kind === "pod" && holder.pod === pod
      ? holder.party
      : this.#table.partyOf(pod);
  }

  #nodeParty(pod: Pod, subject: Pod): Party {
    const ip = pod.ips[0];
    return ip === undefined
      ? this.#table.partyOf(pod)
      : partyFor(this.#table.holderOf(ip), subject.node);
  }
}

interface Memory {
  /** Counted from 1, and never given again: what is forgotten is not found. */
  readonly id: number;
  readonly set: RuleSet;
  /** The rules with those that are only staged; null when none is. */
  readonly staged: RuleSet | null;
  /** The first answers that differ: most others are one of them. */
  readonly answers: Judgement[];
}

/** Of everyone of whom no policy has a say. */
const SILENT: Memory = {
  id: 0,
  set: { rules: [], isolatedBy: null },
  staged: null,
  answers: [],
};

/** How many different answers of a subject are looked through for an equal one. */
const MOST_ALIKE = 16;

/** An equal answer that was given before, so that thousands of questions share one. */
function oneOf(answers: Judgement[], found: Judgement): Judgement {
  for (const known of answers) if (isSame(known, found)) return known;
  if (answers.length < MOST_ALIKE) answers.push(found);
  return found;
}

function isSame(a: Judgement, b: Judgement): boolean {
  return a.verdict === b.verdict && a.rule === b.rule &&
    a.isolated === b.isolated && a.explicit === b.explicit &&
    a.l7 === b.l7 && a.free === b.free &&
    a.authentication === b.authentication && a.reason === b.reason &&
    a.rulesAsked === b.rulesAsked && a.staged === b.staged;
}

/** Who someone is to the pods of a node. */
export function partyFor(
  holder: Holder,
  node: Node["name"],
): Party {
  return holder.kind === "node"
    ? holder.node.name === node ? holder.local : holder.remote
    : holder.party;
}

const NO_SAY: Judgement = {
  verdict: "allow",
  rule: null,
  isolated: false,
  explicit: false,
  l7: null,
  free: true,
  authentication: null,
  reason: null,
  rulesAsked: 0,
  staged: null,
};

const TO_ITSELF: Judgement = {
  ...NO_SAY,
  rule: { name: "a pod reaches itself" },
};

const FROM_ITS_NODE: Judgement = {
  ...NO_SAY,
  rule: { name: "a node reaches its own pods" },
};

const ALWAYS_ENFORCED: Rule = { name: "policy is always enforced" };
