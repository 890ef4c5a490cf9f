import type { ChainRule, RuleTableName } from "./iptables_rules.ts";

/** A chain as its rules are gathered. */
export interface OpenChain {
  readonly name: string;
  policy: "ACCEPT" | "DROP" | null;
  counters: string;
  rules: ChainRule[];
  /** Rules put at the beginning one by one, the newest last. */
  inserted: ChainRule[];
}

/** A jump whose chain must exist by the end of its table. */
export interface Jump {
  readonly from: string;
  readonly to: string;
  readonly line: number;
  readonly column: number;
}

/** A table as its chains are gathered. */
export interface OpenTable {
  readonly name: RuleTableName;
  readonly family: 4 | 6;
  readonly chains: Map<string, OpenChain>;
  readonly jumps: Jump[];
}

/** The rules of a chain, those that were inserted first. */
export function rulesInOrder({ rules, inserted }: OpenChain): ChainRule[] {
  return inserted.length === 0 ? rules : [...inserted.toReversed(), ...rules];
}

/** The first circle of calls, which the kernel refuses to load (ip_tables.c, `mark_source_chains`). */
export function findLoop(
  table: OpenTable,
): { path: string[]; line: number; column: number } | undefined {
  const calls = new Map<string, Jump[]>();
  for (const jump of table.jumps) {
    const list = calls.get(jump.from);
    if (list === undefined) calls.set(jump.from, [jump]);
    else list.push(jump);
  }
  const done = new Set<string>();
  for (const start of calls.keys()) {
    const path: { chain: string; next: number }[] = [{ chain: start, next: 0 }];
    const onPath = new Set([start]);
    while (path.length > 0) {
      const top = path.at(-1)!;
      const jump = done.has(top.chain)
        ? undefined
        : calls.get(top.chain)?.[top.next++];
      if (jump === undefined) {
        done.add(top.chain);
        onPath.delete(top.chain);
        path.pop();
      } else if (onPath.has(jump.to)) {
        const names = path.map((step) => step.chain);
        return {
          path: [...names.slice(names.indexOf(jump.to)), jump.to],
          line: jump.line,
          column: jump.column,
        };
      } else if (!done.has(jump.to)) {
        path.push({ chain: jump.to, next: 0 });
        onPath.add(jump.to);
      }
    }
  }
  return undefined;
}
