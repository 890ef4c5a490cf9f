import type { KubeObject } from "../cluster/model.ts";
import type { Cidr } from "../packet/ip.ts";
import { readAdminPorts } from "./_admin_ports.ts";
import type { ReadPolicies } from "./network_policy.ts";
import { blockMatch, type Party, type PeerMatch } from "./party.ts";
import {
  PLAIN_RULE,
  type PolicyDirection,
  type PolicyRule,
  type RuleVerdict,
  TIER,
} from "./policy.ts";
import { type Mapping, type Path, SpecReader } from "./spec_reader.ts";

/** Kinds of the policy API, in both of its shapes (network-policy-api, apis/v1alpha1 and v1alpha2). */
export const ADMIN_POLICY_KINDS: readonly string[] = [
  "AdminNetworkPolicy",
  "BaselineAdminNetworkPolicy",
  "ClusterNetworkPolicy",
];

/** Whether an object is a cluster-scoped, tiered policy of the policy API. */
export function isAdminPolicy(object: KubeObject): boolean {
  return object.apiVersion.startsWith("policy.networking.k8s.io/") &&
    ADMIN_POLICY_KINDS.includes(object.kind);
}

/** Reads one AdminNetworkPolicy, BaselineAdminNetworkPolicy or ClusterNetworkPolicy. */
export function readAdminPolicy(object: KubeObject): ReadPolicies {
  const reader = new SpecReader(object);
  const spec = reader.mapping(object.spec, ["spec"], [
    "tier",
    "priority",
    "subject",
    "ingress",
    "egress",
  ]) ?? {};
  const baseline = object.kind === "BaselineAdminNetworkPolicy" ||
    reader.word(spec["tier"], ["spec", "tier"], ["Admin", "Baseline"]) ===
      "Baseline";
  const bounds = { from: 0, to: 1_000 };
  const priority =
    reader.integer(spec["priority"], ["spec", "priority"], bounds) ?? 0;
  const subject = readSubject(reader, spec["subject"], ["spec", "subject"]);
  const prefixes: Cidr[] = [];
  const rules = (["ingress", "egress"] as const).flatMap((direction) =>
    reader.list(spec[direction], ["spec", direction]).map((item, index) =>
      readRule(reader, item, {
        direction,
        path: ["spec", direction, index],
        index,
        priority,
        prefixes,
      })
    )
  );
  const policy = {
    name: reader.name,
    tier: baseline ? TIER.baseline : TIER.admin,
    namespace: null,
    selects: (party: Party) => subject?.matches(party) === true,
    // Unmatched traffic falls through to the next tier.
    isolates: { ingress: null, egress: null },
    rules,
    prefixes,
  };
  return { policies: [policy], problems: reader.problems };
}

interface RuleContext {
  readonly direction: PolicyDirection;
  readonly path: Path;
  readonly index: number;
  readonly priority: number;
  readonly prefixes: Cidr[];
}

const ACTIONS = ["Accept", "Allow", "Deny", "Pass"] as const;

function readRule(
  reader: SpecReader,
  item: unknown,
  context: RuleContext,
): PolicyRule {
  const { direction, path, index, priority } = context;
  const side = direction === "ingress" ? "from" : "to";
  const keys = ["name", "action", side, "ports", "protocols"];
  const fields = reader.mapping(item, path, keys) ?? {};
  const action = reader.word(fields["action"], [...path, "action"], ACTIONS);
  const verdict: RuleVerdict = action === "Deny"
    ? "deny"
    : action === "Pass"
    ? "pass"
    : "allow";
  const list = reader.list(fields[side], [...path, side]);
  if (list.length === 0) {
    reader.problem(path, {
      reason: `a rule has no ${side}`,
      expected: "at least one peer",
    });
  }
  const peers = list.map((peer, at) =>
    readPeer(reader, peer, {
      path: [...path, side, at],
      verdict,
      prefixes: context.prefixes,
    })
  );
  const title = typeof fields["name"] === "string" ? ` ${fields["name"]}` : "";
  return {
    ...PLAIN_RULE,
    direction,
    verdict,
    priority,
    index,
    peers,
    ports: readAdminPorts(reader, fields, path),
    rule: reader.rule(path, `${direction}[${index}]${title}`),
  };
}

/** `namespaces` or `pods`; never a pod of the host's network. */
function readSubject(
  reader: SpecReader,
  value: unknown,
  path: Path,
): PeerMatch | undefined {
  const fields = reader.mapping(value, path, ["namespaces", "pods"]) ?? {};
  const found = readPods(reader, fields, path);
  if (found === undefined) {
    reader.problem(path, {
      reason: "the subject names nobody",
      expected: "namespaces or pods",
    });
  }
  return found;
}

function readPods(
  reader: SpecReader,
  fields: Mapping,
  path: Path,
): PeerMatch | undefined {
  if (fields["namespaces"] !== undefined) {
    const selector = reader.selector(fields["namespaces"], [
      ...path,
      "namespaces",
    ]);
    return {
      matches: (party) =>
        party.kind === "pod" && selector.matches(party.namespaceLabels),
    };
  }
  if (fields["pods"] === undefined) return undefined;
  const below = [...path, "pods"];
  const both = reader.mapping(fields["pods"], below, [
    "namespaceSelector",
    "podSelector",
  ]) ?? {};
  const namespaces = reader.selector(both["namespaceSelector"], [
    ...below,
    "namespaceSelector",
  ]);
  const pods = reader.selector(both["podSelector"], [...below, "podSelector"]);
  return {
    matches: (party) =>
      party.kind === "pod" && namespaces.matches(party.namespaceLabels) &&
      pods.matches(party.labels),
  };
}

function readPeer(
  reader: SpecReader,
  item: unknown,
  { path, verdict, prefixes }: {
    readonly path: Path;
    readonly verdict: RuleVerdict;
    readonly prefixes: Cidr[];
  },
): PeerMatch {
  const fields = reader.mapping(item, path) ?? {};
  const pods = readPods(reader, fields, path);
  if (pods !== undefined) return pods;
  if (fields["nodes"] !== undefined) {
    const nodes = reader.selector(fields["nodes"], [...path, "nodes"]);
    return {
      matches: ({ node }) => node !== null && nodes.matches(node.labels),
    };
  }
  if (fields["networks"] !== undefined) {
    const below = [...path, "networks"];
    const blocks = reader.list(fields["networks"], below).flatMap((text, at) =>
      reader.cidr(text, [...below, at]) ?? []
    );
    prefixes.push(...blocks);
    const matches = blocks.map((cidr) => blockMatch({ cidr, except: [] }));
    return { matches: (party) => matches.some((one) => one.matches(party)) };
  }
  if (fields["domainNames"] !== undefined) {
    // What a name resolved to, and when, is not held against addresses yet.
    return { matches: ({ kind }) => kind === "outside" ? "unknown" : false };
  }
  // A peer of a later API version fails closed: an accept matches nobody, the
  // others everybody (apis/v1alpha2, ClusterNetworkPolicyIngressPeer).
  return { matches: () => verdict !== "allow" };
}
