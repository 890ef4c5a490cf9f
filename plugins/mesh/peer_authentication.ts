import type { KubeObject, Labels, Pod } from "../../core/cluster/model.ts";
import { record } from "../../core/l7/json.ts";
import type { Rule } from "../../core/source.ts";
import { readLabels, readText } from "./_read.ts";
import { citeObject } from "./_rule.ts";

/** What a workload's proxy accepts on a port. */
export type MtlsMode = "STRICT" | "PERMISSIVE" | "DISABLE";

/** The mode in force and the object that set it; null for the default. */
export interface EffectiveMtls {
  readonly mode: MtlsMode;
  readonly rule: Rule | null;
}

interface Written {
  readonly object: KubeObject;
  readonly selector: Labels;
  readonly mode: MtlsMode | null;
  readonly ports: Readonly<Record<string, MtlsMode | null>>;
}

/**
 * PeerAuthentication of a mesh, ready to be asked. Workload wins over
 * namespace over mesh, a mode that is not set is inherited, and at each level
 * the oldest object counts alone (istio/istio
 * pilot/pkg/model/authentication.go, ComposePeerAuthentication). A selector in
 * the root namespace is ignored. Port-level modes need a selector and name the
 * workload's port.
 */
export class PeerAuthentications {
  readonly #rootNamespace: string;
  readonly #policies: readonly Written[];

  /** Takes the objects in the order of their age. */
  constructor(objects: readonly KubeObject[], rootNamespace: string) {
    this.#rootNamespace = rootNamespace;
    this.#policies = objects.map(readPolicy);
  }

  /** What a sidecar of the pod accepts on a port. */
  modeAt(pod: Pod, port: number): EffectiveMtls {
    const { workload, inherited } = this.#levels(pod);
    if (workload === undefined) return inherited;
    const own = withDefault(workload, inherited);
    const written = workload.ports[`${port}`];
    if (written === undefined || written === null) return own;
    return {
      mode: written,
      rule: citeObject(workload.object, ["portLevelMtls", `${port}`]),
    };
  }

  /**
   * Whether ztunnel refuses plaintext at a port. DISABLE means PERMISSIVE
   * there. One quirk is the conversion's own: under an inherited STRICT, a
   * port set to DISABLE is exempt only when another port is PERMISSIVE
   * (istio/istio pilot/pkg/serviceregistry/ambient/authorization.go,
   * convertedSelectorPeerAuthentications).
   */
  ambientModeAt(pod: Pod, port: number): EffectiveMtls {
    const { workload, inherited } = this.#levels(pod);
    const effective = this.modeAt(pod, port);
    if (effective.mode === "STRICT") return effective;
    const kept = workload !== undefined && workload.mode === null &&
      inherited.mode === "STRICT" &&
      !Object.values(workload.ports).includes("PERMISSIVE");
    return kept ? inherited : { ...effective, mode: "PERMISSIVE" };
  }

  /** The mode a whole namespace has, workload policies aside. */
  namespaceMode(namespace: string): MtlsMode {
    return this.#inherited(namespace).mode;
  }

  #levels(
    pod: Pod,
  ): { workload: Written | undefined; inherited: EffectiveMtls } {
    const workload = pod.namespace === this.#rootNamespace
      ? undefined
      : this.#policies.find((policy) =>
        policy.object.metadata.namespace === pod.namespace &&
        isSelective(policy) && selects(policy.selector, pod.labels)
      );
    return { workload, inherited: this.#inherited(pod.namespace) };
  }

  #inherited(namespace: string): EffectiveMtls {
    let effective: EffectiveMtls = { mode: "PERMISSIVE", rule: null };
    for (const level of new Set([this.#rootNamespace, namespace])) {
      const policy = this.#policies.find((policy) =>
        policy.object.metadata.namespace === level && !isSelective(policy)
      );
      if (policy !== undefined) effective = withDefault(policy, effective);
    }
    return effective;
  }
}

/** Whether every label that a selector asks for is there. */
export function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) =>
    labels[key] === value
  );
}

function isSelective(policy: Written): boolean {
  return Object.keys(policy.selector).length > 0;
}

function withDefault(policy: Written, inherited: EffectiveMtls): EffectiveMtls {
  return policy.mode === null
    ? inherited
    : { mode: policy.mode, rule: citeObject(policy.object, ["mtls"]) };
}

function readPolicy(object: KubeObject): Written {
  const spec = record(object.spec);
  const ports = Object.entries(record(spec.portLevelMtls)).map((
    [port, value],
  ) => [port, readMode(value)] as const);
  return {
    object,
    selector: readLabels(record(spec.selector).matchLabels),
    mode: readMode(spec.mtls),
    ports: Object.fromEntries(ports),
  };
}

function readMode(value: unknown): MtlsMode | null {
  const mode = readText(record(value).mode);
  return mode === "STRICT" || mode === "PERMISSIVE" || mode === "DISABLE"
    ? mode
    : null;
}
