import type { KubeObject, Labels, Pod } from "../../core/cluster/model.ts";
import { list, record, texts } from "../../core/l7/json.ts";
import { readLabels, readText } from "./_read.ts";
import { selects } from "./peer_authentication.ts";

/** A condition of a rule: an attribute, and values of which one must, or none may, match. */
export interface Field {
  /** As `when` names it: `source.principal`, `request.headers[x-id]`. */
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** Fields that all must hold. */
export type FieldSet = readonly Field[];

/** A rule: any of `from`, any of `to`, and all of `when`. */
export interface AuthorizationRule {
  readonly from: readonly FieldSet[];
  readonly to: readonly FieldSet[];
  readonly when: readonly Field[];
}

/** What a policy does with what it matches. */
export type AuthorizationAction = "ALLOW" | "DENY" | "AUDIT" | "CUSTOM";

/** An AuthorizationPolicy, read but not yet compiled for a proxy. */
export interface AuthorizationPolicy {
  readonly object: KubeObject;
  readonly namespace: string;
  readonly name: string;
  readonly action: AuthorizationAction;
  readonly selector: Labels;
  /** It names what it applies to by reference, so no sidecar and no ztunnel reads it. */
  readonly targeted: boolean;
  /** It is only logged. */
  readonly dryRun: boolean;
  readonly rules: readonly AuthorizationRule[];
}

const ACTIONS: readonly AuthorizationAction[] = [
  "ALLOW",
  "DENY",
  "AUDIT",
  "CUSTOM",
];

/** Names of the fields of `source` and `operation`, and the attributes that they are about. */
const SOURCE_FIELDS: Readonly<Record<string, string>> = {
  principals: "source.principal",
  requestPrincipals: "request.auth.principal",
  namespaces: "source.namespace",
  serviceAccounts: "source.serviceAccount",
  trustDomains: "source.trustDomain",
  ipBlocks: "source.ip",
  remoteIpBlocks: "remote.ip",
};

const OPERATION_FIELDS: Readonly<Record<string, string>> = {
  hosts: "request.host",
  methods: "request.method",
  paths: "request.path",
  ports: "destination.port",
};

/** Reads an AuthorizationPolicy. */
export function readAuthorizationPolicy(
  object: KubeObject,
): AuthorizationPolicy {
  const spec = record(object.spec);
  const action = ACTIONS.find((name) => name === spec.action) ?? "ALLOW";
  return {
    object,
    namespace: object.metadata.namespace ?? "default",
    name: object.metadata.name,
    action,
    selector: readLabels(record(spec.selector).matchLabels),
    targeted: list(spec.targetRefs).length > 0 ||
      spec.targetRef !== undefined,
    dryRun: object.metadata.annotations?.["istio.io/dry-run"] === "true",
    rules: list(spec.rules).map(readRule),
  };
}

/** Whether a policy governs a pod's own proxy: those of its namespace and of the root namespace that select it. */
export function governs(
  policy: AuthorizationPolicy,
  pod: Pod,
  rootNamespace: string,
): boolean {
  return !policy.targeted &&
    (policy.namespace === pod.namespace ||
      policy.namespace === rootNamespace) &&
    selects(policy.selector, pod.labels);
}

function readRule(value: unknown): AuthorizationRule {
  const rule = record(value);
  return {
    from: list(rule.from).map((item) =>
      readFields(record(item).source, SOURCE_FIELDS)
    ),
    to: list(rule.to).map((item) =>
      readFields(record(item).operation, OPERATION_FIELDS)
    ),
    when: list(rule.when).map((item) => {
      const condition = record(item);
      return {
        key: readText(condition.key) ?? "",
        values: texts(condition.values),
        notValues: texts(condition.notValues),
      };
    }),
  };
}

function readFields(
  value: unknown,
  names: Readonly<Record<string, string>>,
): FieldSet {
  const written = record(value);
  return Object.entries(names).flatMap(([name, key]) => {
    const not = `not${name[0]!.toUpperCase()}${name.slice(1)}`;
    const values = texts(written[name]);
    const notValues = texts(written[not]);
    return values.length === 0 && notValues.length === 0
      ? []
      : [{ key, values, notValues }];
  });
}
