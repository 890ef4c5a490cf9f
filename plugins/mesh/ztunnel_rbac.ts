import { exactText } from "../../core/l7/text_match.ts";
import { citeObject } from "./_rule.ts";
import {
  addressTest,
  anyOf,
  noneOf,
  portTest,
  TEXT_OF,
  textTest,
  wildcardText,
} from "./access_test_of.ts";
import type {
  AuthorizationPolicy,
  AuthorizationRule,
  Field,
  FieldSet,
} from "./authorization_policy.ts";
import type { CompiledPolicy, Match, Test } from "./rbac.ts";

/** Attributes of `when` that ztunnel knows (l4WhenAttributes in istio/istio pilot/pkg/serviceregistry/ambient/authorization.go). */
const WHEN_ATTRIBUTES: readonly string[] = [
  "source.ip",
  "source.namespace",
  "source.principal",
  "destination.ip",
  "destination.port",
];

/** Attributes of `from` and `to` that ztunnel knows. */
const FIELD_ATTRIBUTES: readonly string[] = [
  ...WHEN_ATTRIBUTES,
  "source.serviceAccount",
];

/**
 * Compiles policies as istiod converts them for ztunnel, which sees layer 4
 * alone (istio/istio pilot/pkg/serviceregistry/ambient/authorization.go). An
 * ALLOW rule with any other attribute is left out while its policy stays, so
 * the default deny bites; of a DENY rule only the other attributes are left
 * out, and a match that loses all it had matches nothing. CUSTOM, AUDIT and
 * dry runs are not supported there.
 */
export function compileForZtunnel(
  policies: readonly AuthorizationPolicy[],
): readonly CompiledPolicy[] {
  return policies
    .filter(({ action, dryRun }) =>
      !dryRun && (action === "ALLOW" || action === "DENY")
    )
    .map(compilePolicy);
}

function compilePolicy(policy: AuthorizationPolicy): CompiledPolicy {
  const key = `${policy.namespace}/${policy.name}`;
  return {
    action: policy.action,
    rule: citeObject(policy.object),
    key,
    groups: policy.rules.flatMap((rule, index) =>
      policy.action === "ALLOW" && asksForMore(rule) ? [] : [{
        clauses: compileRule(rule, policy.namespace),
        rule: citeObject(policy.object, ["rules", index]),
        key: `${key}[${index}]`,
      }]
    ),
  };
}

/** Whether a rule has an attribute that ztunnel does not know. */
function asksForMore(rule: AuthorizationRule): boolean {
  return [...rule.from.flat(), ...rule.to.flat()].some((field) =>
    !FIELD_ATTRIBUTES.includes(field.key)
  ) || rule.when.some((field) => !WHEN_ATTRIBUTES.includes(field.key));
}

function compileRule(
  rule: AuthorizationRule,
  namespace: string,
): (readonly Match[])[] {
  const match = (fields: FieldSet) => ztunnelMatch(fields, namespace);
  return [
    rule.to.map(match),
    rule.from.map(match),
    ...rule.when.map((field) => [
      match(WHEN_ATTRIBUTES.includes(field.key) ? [field] : []),
    ]),
  ].filter((clause) => clause.length > 0);
}

/** A match of what ztunnel knows of the fields; short names of service accounts are of the given namespace. */
export function ztunnelMatch(fields: FieldSet, namespace: string): Match {
  return {
    tests: fields.flatMap((field) => compileField(field, namespace)),
    whenEmpty: false,
  };
}

/** Values that cannot be read are left out; a field with none left asks for nothing. */
function compileField(field: Field, namespace: string): readonly Test[] {
  const compile = (values: readonly string[]) =>
    values.map((value) => compileValue(field.key, { value, namespace }))
      .filter((test) => test !== undefined);
  const tests: Test[] = [];
  const positive = compile(field.values);
  if (positive.length > 0) tests.push(anyOf(positive));
  const negative = compile(field.notValues);
  if (negative.length > 0) tests.push(noneOf(negative));
  return tests;
}

function compileValue(
  key: string,
  { value, namespace }: { readonly value: string; readonly namespace: string },
): Test | undefined {
  switch (key) {
    case "source.principal":
      return textTest(wildcardText(value), TEXT_OF.principal);
    case "source.namespace":
      return textTest(wildcardText(value), TEXT_OF.namespace);
    case "source.serviceAccount": {
      const account = value.includes("/") ? value : `${namespace}/${value}`;
      return textTest(exactText(account), TEXT_OF.serviceAccount);
    }
    case "source.ip":
      return addressTest(value, "source");
    case "destination.ip":
      return addressTest(value, "destination");
    case "destination.port":
      return portTest(value);
    default:
      return undefined;
  }
}
