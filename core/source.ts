/** Where something was written: lines and columns count from 1. */
export interface SourcePosition {
  /** Path as it was given, or a name such as `--stack` for what is in no file. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/**
 * What decided: a rule of a manifest, of a rule dump, of a map or of a
 * program. Plugins make these once, when they compile their state, and hand
 * the same object out for every packet that the rule decides.
 *
 * @example
 * ```ts
 * const rule: Rule = {
 *   name: "NetworkPolicy shop/deny-all ingress[0]",
 *   source: { file: "policy.yaml", line: 9, column: 5 },
 * };
 * ```
 */
export interface Rule {
  /** Who it is, in the words of the system modelled: `nat KUBE-SVC-XPGD46QRK7WJZT7O:2`. */
  readonly name: string;
  /** The rule's own text on one line, where it has one. */
  readonly text?: string;
  /** Where it is written; absent for what is built into the system modelled. */
  readonly source?: SourcePosition;
  /** On what ground it decides; left out, it is the implementation's own choice. */
  readonly basis?: Basis;
}

/**
 * What stands behind a decision: a specification settles it, a specification
 * leaves it open, or it is this implementation's own.
 */
export type Basis = "specified" | "unspecified" | "implementation-defined";

/** `file:line:column`, as compilers print it. */
export function formatPosition(at: SourcePosition): string {
  return `${at.file}:${at.line}:${at.column}`;
}
