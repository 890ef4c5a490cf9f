import { record, records, text } from "../../core/l7/json.ts";
import { type GatewayState, namespaceOf, objectsOf } from "./state.ts";

/** Who refers to what. */
export interface CrossReference {
  readonly from: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
  };
  readonly to: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
}

/** Whether a reference is allowed: within a namespace, or by a ReferenceGrant in the namespace referred to. */
export type GrantCheck = (reference: CrossReference) => boolean;

/** Compiles the ReferenceGrants. */
export function compileGrants(state: GatewayState): GrantCheck {
  const grants = objectsOf(state, "ReferenceGrant").map(({ object }) => ({
    namespace: namespaceOf(object),
    from: records(record(object.spec).from),
    to: records(record(object.spec).to),
  }));
  return ({ from, to }) =>
    from.namespace === to.namespace ||
    grants.some((grant) =>
      grant.namespace === to.namespace &&
      grant.from.some((entry) =>
        (text(entry.group) ?? "") === from.group &&
        entry.kind === from.kind && entry.namespace === from.namespace
      ) &&
      grant.to.some((entry) =>
        (text(entry.group) ?? "") === to.group && entry.kind === to.kind &&
        (entry.name === undefined || entry.name === to.name)
      )
    );
}
