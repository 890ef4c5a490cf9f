import { type KubeObject, partPosition } from "../../core/cluster/model.ts";
import { record, records, text } from "../../core/l7/json.ts";
import type { ReferenceScope } from "./backend_reference.ts";
import type { GatewayOptions, Profile } from "./options.ts";
import type { Rule } from "../../core/source.ts";
import {
  type Applied,
  type GatewayState,
  namespaceOf,
  objectsOf,
} from "./state.ts";

/** What Ingresses are compiled from. */
export interface IngressScope {
  readonly profile: Profile;
  readonly options: GatewayOptions;
  readonly references: ReferenceScope;
}

const CLASS_ANNOTATION = "kubernetes.io/ingress.class";
const DEFAULT_CLASS_ANNOTATION = "ingressclass.kubernetes.io/is-default-class";

/**
 * Ingresses that the implementation serves: those of its classes, by name or
 * by the controller of their IngressClass, and those without a class where a
 * default class is its own.
 */
export function servedIngresses(
  state: GatewayState,
  { options, profile }: { options: GatewayOptions; profile: Profile },
): readonly Applied[] {
  const names = options.ingressClasses ?? profile.ingressClasses;
  const classes = objectsOf(state, "IngressClass").map(({ object }) => object);
  const own = classes.filter((object) =>
    names === null || names.includes(object.metadata.name) ||
    (options.ingressClasses === undefined &&
      record(object.spec).controller === profile.ingressController)
  );
  const withoutClass = options.ingressWithoutClass ??
    (names === null ||
      own.some((object) =>
        object.metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === "true"
      ));
  return objectsOf(state, "Ingress").filter(({ object }) => {
    const name = text(record(object.spec).ingressClassName) ??
      object.metadata.annotations?.[CLASS_ANNOTATION];
    if (name === undefined) return withoutClass;
    return names === null || names.includes(name) ||
      own.some((one) => one.metadata.name === name);
  });
}

/** One path of one rule of an Ingress. */
export interface IngressPath {
  readonly ingress: KubeObject;
  /** Lower case; `*` for a rule without host. */
  readonly host: string;
  readonly path: string;
  readonly pathType: string;
  readonly backend: unknown;
  /** Where it is written, from `spec` on. */
  readonly at: readonly (string | number)[];
}

/** Paths of an Ingress in the order written. */
export function pathsOf(ingress: KubeObject): readonly IngressPath[] {
  return records(record(ingress.spec).rules).flatMap((rule, ruleIndex) =>
    records(record(rule.http).paths).map((entry, pathIndex) => ({
      ingress,
      host: (text(rule.host) ?? "").toLowerCase() || "*",
      path: text(entry.path) || "/",
      pathType: text(entry.pathType) ?? "ImplementationSpecific",
      backend: entry.backend,
      at: ["spec", "rules", ruleIndex, "http", "paths", pathIndex],
    }))
  );
}

/** The citation of a part of an Ingress. */
export function citeIngress(
  ingress: KubeObject,
  at: readonly (string | number)[],
): Rule {
  const where = at.includes("paths")
    ? ` rule ${at[2]} path ${at[5]}`
    : at.includes("defaultBackend")
    ? " default backend"
    : "";
  return {
    name: `Ingress ${namespaceOf(ingress)}/${ingress.metadata.name}${where}`,
    source: partPosition(ingress, at),
  };
}

/** Host names for which an Ingress brings TLS; one without host names covers all hosts of its rules. */
export function tlsHosts(ingress: KubeObject): ReadonlySet<string> {
  const hosts = new Set<string>();
  for (const entry of records(record(ingress.spec).tls)) {
    const named = Array.isArray(entry.hosts) ? entry.hosts : [];
    const covered = named.length > 0
      ? named
      : pathsOf(ingress).map(({ host }) => host);
    for (const host of covered) hosts.add(String(host).toLowerCase());
  }
  return hosts;
}
