import {
  addressKey,
  addressText,
} from "../../plugins/ebpf/maps/lb/lb_address.ts";
import type { LbConfig } from "../../plugins/ebpf/maps/lb/lb_config.ts";
import type { LbService } from "../../plugins/ebpf/maps/lb/lb_frontend.ts";
import type {
  LbTables,
  NodeAddress,
} from "../../plugins/ebpf/maps/lb/lb_tables.ts";

/** A table as the agent prints it: texts by column. */
export type TableRow = Readonly<Record<string, string>>;

/** What tables show beside what is in them. */
export interface TableContext {
  readonly tables: LbTables;
  readonly config: LbConfig;
  readonly nodeAddresses: readonly (NodeAddress & TableRow)[];
  /** `loadBalancerClass` by service, which load balancing has no use for. */
  readonly classes: ReadonlyMap<string, string>;
}

/** Columns of each table, in order. */
export const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  services: ["Name", "Source", "PortNames", "TrafficPolicy", "Flags"],
  frontends: [
    "Address",
    "Type",
    "ServiceName",
    "PortName",
    "Backends",
    "RedirectTo",
    "Status",
    "Error",
  ],
  backends: ["Address", "Instances", "Shadows", "NodeName"],
  localredirectpolicies: ["Name", "Type", "FrontendType", "Frontends"],
  "node-addresses": ["Address", "NodePort", "Primary", "DeviceName"],
};

/** The rows of a table in its own order; undefined when there is none of that name. */
export function rowsOf(
  name: string,
  context: TableContext,
): TableRow[] | undefined {
  const { tables } = context;
  switch (name) {
    case "services":
      return tables.services.map((one) => serviceRow(one, context));
    case "frontends":
      return tables.frontends.map((one) => ({
        Address: addressText(one.address),
        Type: one.type,
        ServiceName: one.service.name,
        PortName: one.portName ?? "",
        Backends: one.backends.toSorted((a, b) =>
          addressKey(a.address) < addressKey(b.address) ? -1 : 1
        ).map((backend) => addressText(backend.address)).join(", "),
        RedirectTo: one.redirectTo ?? "",
        Status: one.status,
        Error: one.problems.join(", "),
      }));
    case "backends":
      return backendRows(tables);
    case "localredirectpolicies":
      return tables.redirects.map((one) => ({
        Name: one.name,
        Type: one.target === null ? "address" : "service",
        FrontendType: one.target === null
          ? one.addresses.length > 1 ? "addr-named-ports" : "addr-single-port"
          : "svc-all",
        Frontends: one.addresses.map(({ address }) => addressText(address))
          .join(", "),
      }));
    case "node-addresses":
      return [...context.nodeAddresses];
    default:
      return undefined;
  }
}

/** Columns side by side, three blanks apart (text/tabwriter). */
export function formatTable(
  columns: readonly string[],
  rows: readonly TableRow[],
): string {
  const lines = [
    columns,
    ...rows.map((row) => columns.map((column) => row[column] ?? "")),
  ];
  const widths = columns.map((_, at) =>
    Math.max(...lines.map((line) => line[at]!.length)) + 3
  );
  return lines.map((line) =>
    line.map((cell, at) => cell.padEnd(widths[at]!)).join("").trimEnd() + "\n"
  ).join("");
}

/** Reads a printed table back: a cell begins where its column's name does. */
export function parseTable(
  text: string,
): { readonly columns: string[]; readonly rows: TableRow[] } {
  const [header = "", ...lines] = text.split("\n")
    .filter((line) => line.trim() !== "");
  const starts = [...header.matchAll(/\S+/g)].map((match) => match.index);
  const cells = (line: string) =>
    starts.map((start, at) => line.slice(start, starts[at + 1]).trim());
  const columns = cells(header);
  return {
    columns,
    rows: lines.map((line) =>
      Object.fromEntries(cells(line).map((cell, at) => [columns[at]!, cell]))
    ),
  };
}

function serviceRow(
  service: LbService,
  { config, classes }: TableContext,
): TableRow {
  const policy = (local: boolean) => local ? "Local" : "Cluster";
  const external = policy(service.externalLocal);
  const internal = policy(service.internalLocal);
  const loadBalancerClass = classes.get(service.name);
  const flags = [
    ...(service.affinityTimeoutS === null
      ? []
      : [`SessionAffinity=${service.affinityTimeoutS}s`]),
    ...(service.sourceRanges.length === 0
      ? []
      : [`SourceRanges=${
        service.sourceRanges.map(({ text }) => text).join(", ")
      }`]),
    ...(service.sourceRanges.length > 0 && service.sourceRangesDeny
      ? ["SourceRangesPolicy=deny"]
      : []),
    ...(config.algorithmAnnotation && service.algorithm !== null
      ? [`ExplicitLBAlgorithm=${service.algorithm}`]
      : []),
    ...(config.modeAnnotation && service.forwarding !== null
      ? [`ForwardingMode=${service.forwarding}`]
      : []),
    ...(loadBalancerClass === undefined
      ? []
      : [`LoadBalancerClass=${loadBalancerClass}`]),
  ];
  return {
    Name: service.name,
    Source: service.source,
    PortNames: service.portNames
      .toSorted(([a], [b]) => a < b ? -1 : 1)
      .map(([name, port]) => `${name}=${port}`).join(", "),
    TrafficPolicy: external === internal
      ? external
      : `Ext=${external}, Int=${internal}`,
    Flags: flags.join(", "),
  };
}

/** One row an address, with every service that has it. */
function backendRows(tables: LbTables): TableRow[] {
  const rows = new Map<string, { instances: string[]; node: string }>();
  for (const one of tables.backends) {
    const at = addressText(one.address);
    const row = rows.get(at) ?? { instances: [], node: one.node ?? "" };
    const state = one.state === "active" ? [] : [one.state];
    const doubts = [...state, ...(one.unhealthy ? ["unhealthy"] : [])];
    const health = doubts.length === 0 ? "" : ` [${doubts.join(", ")}]`;
    const ports = one.portNames.length === 0
      ? ""
      : ` (${one.portNames.join(", ")})`;
    row.instances.push(`${one.service}${health}${ports}`);
    rows.set(at, row);
  }
  return [...rows].map(([at, { instances, node }]) => ({
    Address: at,
    Instances: instances.join(", "),
    Shadows: "",
    NodeName: node,
  }));
}
