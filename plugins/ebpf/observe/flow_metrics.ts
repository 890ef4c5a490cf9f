import { compareText } from "../../../core/policy/compare_text.ts";
import type { HubbleLineOut } from "./hubble_flows.ts";

/** Names of event types as Hubble's metrics have them (pkg/hubble/metrics/flow). */
const TYPES: Readonly<Record<number, string>> = {
  1: "Drop",
  4: "Trace",
  5: "PolicyVerdict",
  7: "TraceSock",
  129: "L7",
};

const SUBTYPES: Readonly<Record<number, string>> = {
  0: "to-endpoint",
  1: "to-proxy",
  2: "to-host",
  11: "to-network",
};

/**
 * What Hubble's metrics `flow` and `drop` count of lines, in Prometheus' text
 * format.
 */
export function flowMetrics(lines: Iterable<HubbleLineOut>): string {
  const flows = new Map<string, number>();
  const drops = new Map<string, number>();
  const count = (of: Map<string, number>, labels: Record<string, string>) => {
    const key = labelText(labels);
    of.set(key, (of.get(key) ?? 0) + 1);
  };
  for (const { flow } of lines) {
    const { type, sub_type = 0 } = flow["event_type"] as {
      readonly type: number;
      readonly sub_type?: number;
    };
    const verdict = `${flow["verdict"]}`;
    const [protocol = "unknown"] = Object.keys(flow["l4"] as object);
    count(flows, {
      protocol,
      subtype: type === 4 ? SUBTYPES[sub_type] ?? "" : "",
      type: TYPES[type] ?? "Unknown",
      verdict,
    });
    if (type === 1) {
      count(drops, { protocol, reason: `${flow["drop_reason_desc"]}` });
    }
  }
  return [
    ...series(
      "hubble_flows_processed_total",
      "Total number of flows processed",
      flows,
    ),
    ...series("hubble_drop_total", "Number of drops", drops),
    "",
  ].join("\n");
}

function series(
  name: string,
  ...[help, counts]: readonly [string, ReadonlyMap<string, number>]
): string[] {
  const sorted = [...counts].sort(([a], [b]) => compareText(a, b));
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} counter`,
    ...sorted.map(([labels, count]) => `${name}{${labels}} ${count}`),
  ];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([name, value]) =>
    `${name}="${escaped(value)}"`
  ).join(",");
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    .replaceAll("\n", "\\n");
}
