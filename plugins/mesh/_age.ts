import type { KubeObject } from "../../core/cluster/model.ts";

/** An object with the virtual time at which it was first applied. */
export interface Applied {
  readonly object: KubeObject;
  readonly appliedNs: number;
}

/**
 * Oldest first, as the control plane lists configuration
 * (istio/istio pilot/pkg/model/config.go, sortConfigByCreationTime): by
 * creation time, then by `name.namespace`. What carries no time was created
 * by the tape, when it was applied and after all that do.
 */
export function compareAge(a: Applied, b: Applied): number {
  const [left, right] = [createdAt(a), createdAt(b)];
  if (left !== null && right !== null && left !== right) {
    return compareText(left, right);
  }
  if ((left === null) !== (right === null)) return left === null ? 1 : -1;
  return (left === null ? a.appliedNs - b.appliedNs : 0) ||
    compareText(nameKey(a), nameKey(b));
}

/** Order by code units, which does not depend on the locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function createdAt({ object }: Applied): string | null {
  return object.metadata.creationTimestamp ?? null;
}

function nameKey({ object }: Applied): string {
  return `${object.metadata.name}.${object.metadata.namespace ?? ""}`;
}
