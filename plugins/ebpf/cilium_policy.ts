import type { KubeObject, Labels } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { Problem } from "../../core/errors.ts";
import type { Cidr } from "../../core/packet/ip.ts";
import {
  type Policy,
  type PolicyDirection,
  type PolicyRule,
  TIER,
} from "../../core/policy/policy.ts";
import {
  type Mapping,
  type Path,
  SpecReader,
} from "../../core/policy/spec_reader.ts";
import type { Party, PeerMatch } from "../../core/policy/party.ts";
import { readCiliumRule } from "./cilium_rule.ts";
import type { NameMatch } from "./dns_name.ts";
import type { Answers } from "./dns_names.ts";
import type { Settings } from "./options.ts";
import {
  type Endpoints,
  readEndpointSelector,
  readNodeSelector,
} from "./selector.ts";

/** A CiliumCIDRGroup. */
export interface CidrGroup {
  readonly labels: Labels;
  readonly prefixes: readonly Cidr[];
}

/** Everything that reading a policy of Cilium's own kinds needs to know. */
export interface ReadContext {
  readonly cluster: ClusterView;
  readonly endpoints: Endpoints;
  /** By name. */
  readonly cidrGroups: ReadonlyMap<string, CidrGroup>;
  readonly settings: Pick<Settings, "minor" | "hostFirewall" | "nodeLabels">;
  /** DNS answers on the tape. */
  readonly answers: Answers;
}

/** What one object's rules speak of beyond themselves. */
export interface ReadNotes {
  /** Names that are looked up. */
  readonly names: NameMatch[];
  /** They depend on other objects, and are read again when anything changes. */
  volatile: boolean;
}

/** Policies read, what is wrong with them, and what of them is not loaded. */
export interface ReadCiliumPolicies {
  readonly policies: readonly Policy[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
  readonly names: readonly NameMatch[];
  /** It speaks of other objects, so that it is read again when those change. */
  readonly volatile: boolean;
}

/** Whether an object is a policy of Cilium's own kinds. */
export function isCiliumPolicy({ apiVersion, kind }: KubeObject): boolean {
  return apiVersion.startsWith("cilium.io/") &&
    (kind === "CiliumNetworkPolicy" ||
      kind === "CiliumClusterwideNetworkPolicy");
}

/**
 * Reads a CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy: its `spec`
 * and each of its `specs` is a policy (pkg/policy/api).
 */
export function readCiliumPolicy(
  object: KubeObject,
  context: ReadContext,
): ReadCiliumPolicies {
  const reader = new SpecReader(object);
  const parts: [unknown, Path][] = reader.list(object.specs, ["specs"])
    .map((spec, at) => [spec, ["specs", at]]);
  if (object.spec !== undefined) parts.unshift([object.spec, ["spec"]]);
  const warnings: string[] = [];
  const refusals: string[] = [];
  const notes: ReadNotes = { names: [], volatile: false };
  const policies = parts.flatMap(([spec, path]) =>
    readSpec(reader, spec, { ...context, path, warnings, refusals, notes })
  );
  // One part that is refused keeps the whole object out (rule_validation.go, Sanitize).
  return {
    policies: refusals.length > 0 ? [] : policies,
    problems: reader.problems,
    ...notes,
    warnings: [
      ...refusals.map((why) => `${reader.name} is not loaded: ${why}`),
      ...warnings.map((what) => `${reader.name} ${what}`),
    ],
  };
}

interface SpecContext extends ReadContext {
  readonly path: Path;
  readonly warnings: string[];
  readonly refusals: string[];
  readonly notes: ReadNotes;
}

/** First release in which a policy may leave the default as it is (pkg/policy/api/rule.go, EnableDefaultDeny). */
const DEFAULT_DENY_SINCE = 16;

const SECTIONS = [
  ["ingress", "ingress", "allow"],
  ["ingressDeny", "ingress", "deny"],
  ["egress", "egress", "allow"],
  ["egressDeny", "egress", "deny"],
] as const;

function readSpec(
  reader: SpecReader,
  value: unknown,
  context: SpecContext,
): Policy[] {
  const { path } = context;
  const spec = reader.mapping(value, path, [
    "endpointSelector",
    "nodeSelector",
    "enableDefaultDeny",
    "labels",
    "description",
    "log",
    ...SECTIONS.map(([section]) => section),
  ]) ?? {};
  const namespace = reader.object.kind === "CiliumNetworkPolicy"
    ? reader.object.metadata.namespace ?? "default"
    : null;
  const isHost = spec["nodeSelector"] !== undefined;
  const selects = isHost
    ? readNodeSubject(reader, spec, { ...context, namespace })
    : readSubject(reader, spec, { ...context, namespace });
  if (selects === null) return [];
  const prefixes: Cidr[] = [];
  const requires = { ingress: [] as PeerMatch[], egress: [] as PeerMatch[] };
  const rules = SECTIONS.flatMap(([section, direction, verdict]) =>
    reader.list(spec[section], [...path, section]).flatMap((item, at) =>
      readCiliumRule(reader, item, {
        ...context,
        path: [...path, section, at],
        namespace,
        direction,
        verdict,
        prefixes,
        requires,
        isHost,
      })
    )
  );
  return [{
    name: reader.name,
    tier: TIER.normal,
    namespace,
    selects,
    isolates: {
      ingress: isolation(reader, { ...context, spec, direction: "ingress" }),
      egress: isolation(reader, { ...context, spec, direction: "egress" }),
    },
    rules: rules satisfies PolicyRule[],
    ...(requires.ingress.length + requires.egress.length > 0
      ? { requires }
      : {}),
    prefixes,
  }];
}

/** Whom a policy is about. */
type Subject = (party: Party) => boolean;

function readSubject(
  reader: SpecReader,
  spec: Mapping,
  context: SpecContext & { readonly namespace: string | null },
): Subject | null {
  if (spec["endpointSelector"] === undefined) {
    context.refusals.push("neither endpointSelector nor nodeSelector");
    return null;
  }
  const subject = readEndpointSelector(reader, spec["endpointSelector"], {
    ...context,
    path: [...context.path, "endpointSelector"],
    subject: true,
  });
  return (party) =>
    (party.kind === "pod" || party.kind === "role") && subject.matches(party);
}

/** Nodes, each seen from itself (pkg/policy/api/rule_validation.go). */
function readNodeSubject(
  reader: SpecReader,
  spec: Mapping,
  { path, namespace, settings, warnings, refusals }: SpecContext & {
    readonly namespace: string | null;
  },
): Subject | null {
  if (!settings.hostFirewall) {
    warnings.push("does nothing: it is about nodes, and the host firewall off");
    return null;
  }
  if (namespace !== null) {
    refusals.push("nodeSelector in a policy of a namespace");
    return null;
  }
  if (spec["endpointSelector"] !== undefined) {
    refusals.push("endpointSelector beside nodeSelector");
    return null;
  }
  const subject = readNodeSelector(reader, spec["nodeSelector"], [
    ...path,
    "nodeSelector",
  ]);
  return (party) => party.local && subject(party);
}

/**
 * A direction with rules, denies included, is default deny unless
 * `enableDefaultDeny` says otherwise (pkg/policy/api/rule.go).
 */
function isolation(
  reader: SpecReader,
  { spec, path, direction, settings }: SpecContext & {
    readonly spec: Mapping;
    readonly direction: PolicyDirection;
  },
) {
  const known = settings.minor >= DEFAULT_DENY_SINCE;
  const wanted = reader.mapping(spec["enableDefaultDeny"], [
    ...path,
    "enableDefaultDeny",
  ], ["ingress", "egress"])?.[direction];
  const sections = [direction, `${direction}Deny`];
  const section = sections.find((name) => {
    const list = spec[name];
    return Array.isArray(list) && list.length > 0;
  });
  const isolates = known && typeof wanted === "boolean"
    ? wanted
    : section !== undefined;
  if (!isolates) return null;
  return reader.rule(
    [...path, section ?? "enableDefaultDeny"],
    `isolates ${direction}`,
  );
}
