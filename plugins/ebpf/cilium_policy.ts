import type { KubeObject } from "../../core/cluster/model.ts";
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
import { readCiliumRule } from "./cilium_rule.ts";
import { type Endpoints, readEndpointSelector } from "./selector.ts";

/** Everything that reading a policy of Cilium's own kinds needs to know. */
export interface ReadContext {
  readonly cluster: ClusterView;
  readonly endpoints: Endpoints;
  /** CiliumCIDRGroup name -> its prefixes. */
  readonly cidrGroups: ReadonlyMap<string, readonly Cidr[]>;
}

/** Policies read, what is wrong with them, and what of them is not loaded. */
export interface ReadCiliumPolicies {
  readonly policies: readonly Policy[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
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
  const policies = parts.flatMap(([spec, path]) =>
    readSpec(reader, spec, { ...context, path, warnings })
  );
  // One part that is refused keeps the whole object out (rule_validation.go, Sanitize).
  const refused = warnings.length > 0;
  return {
    policies: refused ? [] : policies,
    problems: reader.problems,
    warnings,
  };
}

interface SpecContext extends ReadContext {
  readonly path: Path;
  readonly warnings: string[];
}

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
  const { path, warnings } = context;
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
  if (spec["nodeSelector"] !== undefined) return [];
  if (spec["endpointSelector"] === undefined) {
    warnings.push(
      `${reader.name} is not loaded: neither endpointSelector nor nodeSelector`,
    );
    return [];
  }
  const subject = readEndpointSelector(reader, spec["endpointSelector"], {
    ...context,
    path: [...path, "endpointSelector"],
    namespace,
    subject: true,
  });
  const prefixes: Cidr[] = [];
  const rules = SECTIONS.flatMap(([section, direction, verdict]) =>
    reader.list(spec[section], [...path, section]).flatMap((item, at) =>
      readCiliumRule(reader, item, {
        ...context,
        path: [...path, section, at],
        namespace,
        direction,
        verdict,
        prefixes,
      })
    )
  );
  return [{
    name: reader.name,
    tier: TIER.normal,
    namespace,
    selects: (party) => party.kind === "pod" && subject.matches(party),
    isolates: {
      ingress: isolation(reader, { spec, path, direction: "ingress" }),
      egress: isolation(reader, { spec, path, direction: "egress" }),
    },
    rules: rules satisfies PolicyRule[],
    prefixes,
  }];
}

/**
 * A direction with rules, denies included, is default deny unless
 * `enableDefaultDeny` says otherwise (pkg/policy/api/rule.go).
 */
function isolation(
  reader: SpecReader,
  { spec, path, direction }: {
    readonly spec: Mapping;
    readonly path: Path;
    readonly direction: PolicyDirection;
  },
) {
  const wanted = reader.mapping(spec["enableDefaultDeny"], [
    ...path,
    "enableDefaultDeny",
  ], ["ingress", "egress"])?.[direction];
  const sections = [direction, `${direction}Deny`];
  const section = sections.find((name) => {
    const list = spec[name];
    return Array.isArray(list) && list.length > 0;
  });
  const isolates = typeof wanted === "boolean" ? wanted : section !== undefined;
  if (!isolates) return null;
  return reader.rule(
    [...path, section ?? "enableDefaultDeny"],
    `isolates ${direction}`,
  );
}
