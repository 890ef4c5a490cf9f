import { visibleLines } from "../../core/report/visible_text.ts";
import type { SourcePosition } from "../../core/source.ts";
import type { MapDriftReport } from "../../plugins/ebpf/drift/map_drift.ts";
import type { DriftReport } from "../../plugins/iptables/drift.ts";

/** Differences that are printed of one kind. */
const MOST_SHOWN = 20;

const WORDS = {
  missing: "missing: would be generated, and is not there",
  stale: "stale: is there, and would not be generated",
  reordered: "reordered: the first rule that is not where it would be",
  different: "different: is there, and would be generated otherwise",
} as const;

type Kind = keyof typeof WORDS;

/** The rules of one family of a node, compared. */
export function rulesText(
  { drifts, foreign, same }: DriftReport,
  node: string,
): string {
  const lines = [
    `node ${node}: ${same} rules of kube-proxy as generated, ${drifts.length} not`,
    ...driftLines(
      drifts.map(({ kind, table, chain, rule, at }) => ({
        kind,
        text: `${table}  ${rule ?? `chain ${chain}`}`,
        at,
      })),
    ),
  ];
  if (foreign.length > 0) lines.push("", "rules of others");
  for (const { owner, table, chains, rules, before } of foreign) {
    const whose = owner ?? "unknown owner";
    lines.push(`  ${table}  ${whose}: ${rules} rules, ${chains} chains`);
    for (const rule of before.slice(0, MOST_SHOWN)) {
      lines.push(`    before kube-proxy's: ${rule}`);
    }
  }
  return lines.map(visibleLines).join("\n");
}

/** The maps of a node, compared. */
export function mapsText(
  { drifts, same, unknown }: MapDriftReport,
  node: string,
): string {
  const lines = [
    `node ${node}: ${same} entries of Cilium's maps as computed, ${drifts.length} not`,
    ...driftLines(
      drifts.map(({ kind, map, entry, detail, at }) => ({
        kind,
        text: `${map}  ${entry}${detail === null ? "" : `: ${detail}`}`,
        at,
      })),
    ),
  ];
  if (unknown.length > 0) lines.push("", "not compared");
  lines.push(...shortened(unknown.map((text) => `  ${text}`)));
  return lines.map(visibleLines).join("\n");
}

function driftLines(
  drifts: readonly {
    readonly kind: Kind;
    readonly text: string;
    readonly at: SourcePosition | null;
  }[],
): string[] {
  return (Object.keys(WORDS) as Kind[]).flatMap((kind) => {
    const found = drifts.filter((one) => one.kind === kind);
    if (found.length === 0) return [];
    return [
      "",
      WORDS[kind],
      ...shortened(
        found.map(({ text, at }) =>
          `  ${text}${at === null ? "" : `  (${at.file}:${at.line})`}`
        ),
      ),
    ];
  });
}

function shortened(lines: readonly string[]): string[] {
  const more = lines.length - MOST_SHOWN;
  return more <= 0
    ? [...lines]
    : [...lines.slice(0, MOST_SHOWN), `  and ${more} more`];
}
