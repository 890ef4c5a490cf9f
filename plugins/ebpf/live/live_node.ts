import type { Node } from "../../../core/cluster/model.ts";
import type { Ip } from "../../../core/packet/ip.ts";
import type { Judgement } from "../../../core/policy/judgement.ts";
import type { Party } from "../../../core/policy/party.ts";
import type { PolicyDirection } from "../../../core/policy/policy.ts";
import type { PolicyIndex } from "../../../core/policy/policy_index.ts";
import type { Rule } from "../../../core/source.ts";
import type { NodeMaps } from "../dumps/loaded_dumps.ts";
import { findEndpoint, findIdentity } from "../maps/find_endpoint.ts";
import type { AgentObjects } from "./agent_objects.ts";
import type { LiveConnections } from "./live_connections.ts";
import type { LiveIdentities } from "./live_identities.ts";
import { type LiveAnswer, LivePolicy, undecided } from "./live_policy.ts";
import type { LiveServices } from "./live_services.ts";

/** A question to the policies of one of the node's pods. */
export interface LiveQuestion {
  readonly direction: PolicyDirection;
  /** The pod's own address, by which its endpoint is found. */
  readonly self: Ip;
  readonly peer: Party;
  /** The peer's address. */
  readonly address: Ip;
  readonly protocol: number;
  readonly port: number;
}

/** Something that is not known, and where that shows. */
export interface Doubt {
  readonly reason: string;
  readonly rule: Rule;
}

/** What a node's dumps put in the place of what would be computed for it. */
export class LiveNode {
  readonly services: LiveServices | null;
  readonly connections: LiveConnections | null;
  readonly identities: LiveIdentities;
  readonly #node: string;
  readonly #maps: NodeMaps;
  readonly #agents: AgentObjects;
  readonly #policies: ReadonlyMap<number, LivePolicy>;
  readonly #index: PolicyIndex;
  /** What would be denied goes on. */
  readonly #audits: boolean;

  constructor(init: {
    readonly node: string;
    readonly maps: NodeMaps;
    readonly agents: AgentObjects;
    readonly index: PolicyIndex;
    readonly services: LiveServices | null;
    readonly connections: LiveConnections | null;
    readonly identities: LiveIdentities;
    readonly audits: boolean;
  }) {
    this.services = init.services;
    this.connections = init.connections;
    this.identities = init.identities;
    this.#node = init.node;
    this.#maps = init.maps;
    this.#agents = init.agents;
    this.#index = init.index;
    this.#audits = init.audits;
    this.#policies = new Map(
      [...init.maps.policies].map(([endpoint, map]) => [
        endpoint,
        new LivePolicy(endpoint, map),
      ]),
    );
  }

  /**
   * The answer of the policy map of the pod's endpoint, where it was dumped;
   * else that of the policies on the tape, to whoever the ipcache says the
   * peer is.
   */
  judge(subject: Party, question: LiveQuestion): Judgement {
    if (this.#policies.size === 0) return this.#compute(subject, question);
    const endpoint = this.endpointOf(question.self);
    if (endpoint === undefined) {
      return undecided(
        `policy maps of ${this.#node} were loaded, and nothing says which endpoint ${question.self} is`,
        {
          name: "cilium_lxc",
          text:
            "load cilium_lxc or bpf endpoint list, or apply CiliumEndpoints",
        },
      );
    }
    const map = this.#policies.get(endpoint);
    if (map === undefined) return this.#compute(subject, question);
    const number = this.identities.numberOf(question.peer, question.address);
    const answer = number === undefined
      ? map.answerToAny(question.peer, question)
      : map.answer(number, question);
    return this.#audited(
      answer === undefined
        ? undecided(
          `the number of the identity of ${question.address} is not known`,
          map.rule(
            question.direction,
            "load an ipcache, or a list of identities",
          ),
        )
        : this.#withProxy(answer, subject, question),
    );
  }

  /**
   * Why it is not known where a packet comes out of the tunnel; null when the
   * ipcache, if there is one, sends it to the node that it is for.
   */
  tunnelDoubt(destination: Ip, to: Node): Doubt | null {
    const { ipcache } = this.#maps;
    if (ipcache === null) return null;
    const end = findIdentity(ipcache, destination)?.tunnelEndpoint ?? null;
    if (end !== null && to.internalIps.some((ip) => ip.equals(end))) {
      return null;
    }
    return {
      reason: end === null
        ? `the ipcache of ${this.#node} has no tunnel endpoint for ${destination}`
        : `the ipcache of ${this.#node} sends ${destination} to ${end}, which is not ${to.name}`,
      rule: { name: `cilium_ipcache_v2 ${destination}` },
    };
  }

  /** The number of the node's endpoint with an address; undefined when nothing says. */
  endpointOf(ip: Ip): number | undefined {
    const { endpoints } = this.#maps;
    return endpoints === null
      ? this.#agents.endpoints.get(ip.text)?.id ?? undefined
      : findEndpoint(endpoints, ip);
  }

  /** A map says that a proxy is asked, and not what the proxy asks: that is on the tape. */
  #withProxy(
    { judgement, redirected }: LiveAnswer,
    subject: Party,
    question: LiveQuestion,
  ): Judgement {
    if (redirected === 0) return judgement;
    const { l7, free } = this.#compute(subject, question);
    return l7 === null
      ? undecided(
        `the proxy at port ${redirected} decides, and no policy on the tape says how`,
        judgement.rule,
      )
      : { ...judgement, l7, free };
  }

  #compute(subject: Party, question: LiveQuestion): Judgement {
    const { direction, address } = question;
    const number = this.#numberOfPeer(question);
    if (number === undefined) {
      return this.#index.judgeParties(subject, question);
    }
    const peer = this.identities.partyOf(number, address);
    if (peer !== undefined) {
      return this.#index.judgeParties(subject, {
        ...question,
        // Names are the tape's, and no ipcache's.
        peer: sameKind(peer, question.peer) ? question.peer : peer,
      });
    }
    const { rules, isolatedBy } = this.#index.rulesOf(subject, direction);
    if (rules.length === 0 && isolatedBy === null) {
      return this.#index.judgeParties(subject, question);
    }
    return undecided(`who identity ${number} of ${address} is is not known`, {
      name: `cilium_ipcache_v2 ${address}`,
      text: "load a list of identities, or apply CiliumIdentities",
    });
  }

  /** Whom the node takes a party with an address for; the number alone where nothing says whose it is. */
  seen(party: Party, address: Ip): Party | number {
    const number = this.#numberOfPeer({ peer: party, address });
    return number === undefined
      ? party
      : this.identities.partyOf(number, address) ?? number;
  }

  /** The number that the ipcache has for a peer; undefined where none was dumped, or a mark or a tunnel says who it is. */
  #numberOfPeer(
    { peer, address }: Pick<LiveQuestion, "peer" | "address">,
  ): number | undefined {
    const { identities } = this;
    return identities.tellsAddresses && identities.speaksFor(peer, address)
      ? identities.numberInIpcache(address)
      : undefined;
  }

  #audited(judgement: Judgement): Judgement {
    return this.#audits && judgement.verdict === "deny"
      ? { ...judgement, verdict: "allow", staged: judgement }
      : judgement;
  }
}

/** Someone outside is one party whatever names it was looked up by. */
function sameKind(a: Party, b: Party): boolean {
  return a.kind === "outside" && b.kind === "outside" && b.names.length > 0;
}
