import { type KubeObject, partPosition } from "../../core/cluster/model.ts";
import type { Rule } from "../../core/source.ts";

/** The citation of an object, or of the part of it at a path. */
export function citeObject(
  object: KubeObject,
  path: readonly (string | number)[] = [],
): Rule {
  const { name, namespace } = object.metadata;
  const part = path.map((step) =>
    typeof step === "number" ? `[${step}]` : ` ${step}`
  ).join("");
  return {
    name: `${object.kind} ${namespace ?? "default"}/${name}${part}`,
    source: partPosition(object, path.length === 0 ? [] : ["spec", ...path]),
  };
}
