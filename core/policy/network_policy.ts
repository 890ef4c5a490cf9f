import type { KubeObject } from "../cluster/model.ts";
import type { ClusterView } from "../cluster/view.ts";
import { EVERYTHING } from "../cluster/selector.ts";
import { InputError, type Problem } from "../errors.ts";
import { type Cidr } from "../packet/ip.ts";
import type { Rule } from "../source.ts";
import { protocolNumber } from "./match_rule.ts";
import { blockMatch, type PeerMatch } from "./party.ts";
import {
  PLAIN_RULE,
  type Policy,
  type PolicyDirection,
  type PolicyRule,
  type PortMatch,
  TIER,
} from "./policy.ts";
import { PolicyIndex } from "./policy_index.ts";
import type { PolicyProfile } from "./profile.ts";
import { type Path, SpecReader } from "./spec_reader.ts";

/** Policies read from objects, with everything that is wrong with them. */
export interface ReadPolicies {
  readonly policies: readonly Policy[];
  readonly problems: readonly Problem[];
}

/** Whether an object is a NetworkPolicy of the API. */
export function isNetworkPolicy(object: KubeObject): boolean {
  return object.kind === "NetworkPolicy" &&
    object.apiVersion.startsWith("networking.k8s.io/");
}

/**
 * Compiles the NetworkPolicies among objects for an engine's reading of them.
 * Throws an {@link InputError} with every problem of every policy.
 *
 * @example
 * ```ts
 * const index = compileNetworkPolicies(objects, cluster, PLAIN_PROFILE);
 * const { verdict, rule } = index.judge({
 *   direction: "ingress",
 *   subject: pod,
 *   peer: packet.source,
 *   protocol: packet.protocol,
 *   port: packet.destinationPort,
 * });
 * ```
 */
export function compileNetworkPolicies(
  objects: Iterable<KubeObject>,
  cluster: ClusterView,
  profile: PolicyProfile,
): PolicyIndex {
  const policies: Policy[] = [];
  const problems: Problem[] = [];
  for (const object of objects) {
    if (!isNetworkPolicy(object)) continue;
    const read = readNetworkPolicy(object, profile);
    policies.push(...read.policies);
    problems.push(...read.problems);
  }
  if (problems.length > 0) throw new InputError(problems);
  return new PolicyIndex(policies, { cluster, profile });
}

/** Reads one NetworkPolicy (networking/v1 types.go). */
export function readNetworkPolicy(
  object: KubeObject,
  profile: PolicyProfile,
): ReadPolicies {
  const reader = new SpecReader(object);
  const namespace = object.metadata.namespace ?? "default";
  const spec = reader.mapping(object.spec, ["spec"], [
    "podSelector",
    "policyTypes",
    "ingress",
    "egress",
  ]) ?? {};
  const selector = reader.selector(spec["podSelector"], [
    "spec",
    "podSelector",
  ]);
  const prefixes: Cidr[] = [];
  const rules = (["ingress", "egress"] as const).flatMap((direction) =>
    reader.list(spec[direction], ["spec", direction]).map((item, at) =>
      readRule(reader, item, {
        direction,
        path: ["spec", direction, at],
        namespace,
        prefixes,
      })
    )
  );
  const isolates = isolation(reader, { spec, rules, profile });
  const policy: Policy = {
    name: reader.name,
    tier: TIER.normal,
    namespace,
    selects: (party) =>
      party.kind === "pod" && party.namespace === namespace &&
      selector.matches(party.labels),
    isolates,
    // A rule in a direction that the policy has no say in counts for nothing.
    rules: rules.filter(({ direction }) => isolates[direction] !== null),
    prefixes,
  };
  return { policies: [policy], problems: reader.problems };
}

/** In which directions the policy isolates: what `policyTypes` says or defaults to. */
function isolation(
  reader: SpecReader,
  { spec, rules, profile }: {
    readonly spec: Readonly<Record<string, unknown>>;
    readonly rules: readonly PolicyRule[];
    readonly profile: PolicyProfile;
  },
): Readonly<Record<PolicyDirection, Rule | null>> {
  const path = ["spec", "policyTypes"];
  const types = reader.list(spec["policyTypes"], path).map((type, at) =>
    reader.word(type, [...path, at], ["Ingress", "Egress"])
  );
  const has = (direction: PolicyDirection) =>
    rules.some((rule) => rule.direction === direction);
  const ingress = profile.honoursPolicyTypes
    ? types.length === 0 || types.includes("Ingress")
    : has("ingress") || types.includes("Ingress") || !types.includes("Egress");
  const egress = profile.honoursPolicyTypes
    ? types.length === 0 ? has("egress") : types.includes("Egress")
    : has("egress") || types.includes("Egress");
  const cited = (direction: PolicyDirection) =>
    reader.rule(
      [
        "spec",
        spec["policyTypes"] === undefined ? "podSelector" : "policyTypes",
      ],
      `isolates ${direction}`,
    );
  return {
    ingress: ingress ? cited("ingress") : null,
    egress: egress ? cited("egress") : null,
  };
}

interface RuleContext {
  readonly direction: PolicyDirection;
  readonly path: Path;
  readonly namespace: string;
  readonly prefixes: Cidr[];
}

function readRule(
  reader: SpecReader,
  item: unknown,
  context: RuleContext,
): PolicyRule {
  const { direction, path } = context;
  const side = direction === "ingress" ? "from" : "to";
  const fields = reader.mapping(item, path, [side, "ports"]) ?? {};
  const peers = reader.list(fields[side], [...path, side]);
  const ports = reader.list(fields["ports"], [...path, "ports"]);
  return {
    ...PLAIN_RULE,
    direction,
    // An absent or empty list is anyone, those outside the cluster included.
    peers: peers.length === 0
      ? null
      : peers.flatMap((peer, at) =>
        readPeer(reader, peer, { ...context, path: [...path, side, at] })
      ),
    ports: ports.length === 0
      ? null
      : ports.flatMap((port, at) =>
        readPort(reader, port, [...path, "ports", at])
      ),
    rule: reader.rule(path, `${direction}[${path.at(-1)}]`),
  };
}

function readPeer(
  reader: SpecReader,
  item: unknown,
  { path, namespace, prefixes }: RuleContext,
): PeerMatch[] {
  const keys = ["podSelector", "namespaceSelector", "ipBlock"];
  const peer = reader.mapping(item, path, keys) ?? {};
  const { podSelector, namespaceSelector, ipBlock } = peer;
  if (ipBlock !== undefined && ipBlock !== null) {
    if (podSelector !== undefined || namespaceSelector !== undefined) {
      reader.problem(path, {
        reason: "a peer has both an ipBlock and a selector",
        expected: "one or the other",
      });
    }
    return readBlock(reader, ipBlock, { path: [...path, "ipBlock"], prefixes });
  }
  if (podSelector === undefined && namespaceSelector === undefined) {
    reader.problem(path, {
      reason: `${path.at(-2)}[${path.at(-1)}] names nobody`,
      expected: keys.join(", "),
    });
    return [];
  }
  const pods = reader.selector(podSelector, [...path, "podSelector"]);
  // Without a namespaceSelector the peers are in the policy's own namespace.
  if (namespaceSelector === undefined || namespaceSelector === null) {
    return [{
      matches: (party) =>
        party.kind === "pod" && party.namespace === namespace &&
        pods.matches(party.labels),
    }];
  }
  const namespaces = reader.selector(namespaceSelector, [
    ...path,
    "namespaceSelector",
  ]);
  const anyPod = pods === EVERYTHING;
  return [{
    matches: (party) =>
      party.kind === "pod" && namespaces.matches(party.namespaceLabels) &&
      (anyPod || pods.matches(party.labels)),
  }];
}

function readBlock(
  reader: SpecReader,
  item: unknown,
  { path, prefixes }: { readonly path: Path; readonly prefixes: Cidr[] },
): PeerMatch[] {
  const block = reader.mapping(item, path, ["cidr", "except"]) ?? {};
  const cidr = reader.cidr(block["cidr"], [...path, "cidr"]);
  if (block["cidr"] === undefined) {
    reader.problem(path, {
      reason: "an ipBlock has no cidr",
      expected: "cidr",
    });
  }
  const except = reader.list(block["except"], [...path, "except"])
    .flatMap((hole, at) => reader.cidr(hole, [...path, "except", at]) ?? []);
  if (cidr === undefined) return [];
  prefixes.push(cidr, ...except);
  return [blockMatch({ cidr, except })];
}

function readPort(
  reader: SpecReader,
  item: unknown,
  path: Path,
): PortMatch[] {
  const keys = ["protocol", "port", "endPort"];
  const fields = reader.mapping(item, path, keys) ?? {};
  const name = reader.word(fields["protocol"], [...path, "protocol"], [
    "TCP",
    "UDP",
    "SCTP",
  ]);
  const protocol = protocolNumber(name ?? "TCP");
  const { port } = fields;
  const end = reader.integer(fields["endPort"], [...path, "endPort"], {
    from: 1,
    to: 65_535,
  });
  if (port === undefined || port === null) {
    if (end !== undefined) {
      reader.problem([...path, "endPort"], {
        reason: "endPort has no port to start from",
        expected: "a numeric port beside it",
      });
    }
    return [{ kind: "range", protocol, from: 0, to: 65_535 }];
  }
  if (typeof port === "string") {
    if (end !== undefined || !/^[a-z0-9-]{1,15}$/.test(port)) {
      reader.problem([...path, "port"], {
        reason: `port ${JSON.stringify(port)} cannot be used`,
        expected: end === undefined
          ? "a number, or the name of a container port"
          : "a number, as endPort is beside it",
      });
      return [];
    }
    return [{ kind: "named", protocol, name: port }];
  }
  const from = reader.integer(port, [...path, "port"], { from: 1, to: 65_535 });
  if (from === undefined) return [];
  if (end !== undefined && end < from) {
    reader.problem([...path, "endPort"], {
      reason: `endPort ${end} is below port ${from}`,
      expected: "the last port of the range",
    });
  }
  return [{ kind: "range", protocol, from, to: end ?? from }];
}
