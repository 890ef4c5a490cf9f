import type { ReportChange } from "./report_model.ts";
import { type SyncOutcome, type WriteKind, WRITES } from "../replay/sync.ts";

const NAMES: Readonly<Record<WriteKind, string>> = {
  rules: "rules",
  elements: "elements",
  mapEntries: "map entries",
  servers: "servers",
  addresses: "addresses",
};

/** What a sync wrote of what a full one would: `1030/8017 rules`, `5/7022 rules + 2/2001 elements`. */
export function syncText({ written, full, silent }: SyncOutcome): string {
  const parts = WRITES.flatMap((kind) => {
    const count = written[kind] ?? 0;
    const all = Math.max(count, full[kind] ?? 0);
    return count === 0 ? [] : [`${count}/${all} ${NAMES[kind]}`];
  });
  const known = parts.length === 0 ? "nothing" : parts.join(" + ");
  return silent.length === 0 ? known : `${known} (not ${silent.join(", ")})`;
}

/** Changes in words; those that no stack says anything of are left out. */
export function reportChanges(
  changes: readonly {
    readonly step: string;
    readonly stacks: readonly {
      readonly stack: string;
      readonly sync: SyncOutcome | null;
    }[];
  }[],
): ReportChange[] {
  return changes.flatMap(({ step, stacks }): ReportChange[] => {
    const said = stacks.flatMap(({ stack, sync }) =>
      sync === null ? [] : [{ stack, written: syncText(sync) }]
    );
    return said.length === 0 ? [] : [{ step, stacks: said }];
  });
}
