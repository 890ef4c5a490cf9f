import { compareIp, Ip } from "../../core/packet/ip.ts";

/** A list of connections, to be asked. */
export interface Connections {
  /** Workloads that occur: `shop/web[Deployment]`. */
  readonly names: ReadonlySet<string>;
  /** First and last address of every range that occurs. */
  readonly boundaries: readonly Ip[];
  /** Some line is about an ingress controller. */
  readonly ingressController: boolean;
  allows(
    from: { readonly name: string },
    to: { readonly name: string },
    at: { readonly protocol: string; readonly port: number },
  ): boolean;
}

interface Line {
  readonly from: Side;
  readonly to: Side;
  readonly ports: Ports;
}

/** A workload by name, or a range of addresses. */
type Side =
  | { readonly kind: "workload"; readonly name: string }
  | { readonly kind: "range"; readonly first: Ip; readonly last: Ip };

/** Protocol -> ranges; null: everything. */
type Ports =
  | Readonly<Record<string, readonly (readonly [number, number])[]>>
  | null;

/** Reads a connectivity list: `SRC => DST : CONN`, or the same as CSV. */
export function readConnlist(text: string, csv: boolean): Connections {
  const rows = text.split("\n").map((line) => csv ? csvRow(line) : txtRow(line))
    .filter((row) => row !== null);
  const inCluster = rows.filter((row) =>
    !row.some((cell) => cell.includes("{ingress-controller}"))
  );
  const lines = inCluster.map(([from, to, ports]): Line => ({
    from: readSide(from),
    to: readSide(to),
    ports: readPorts(ports),
  }));
  const sides = lines.flatMap(({ from, to }) => [from, to]);
  return {
    names: namesOf(sides),
    boundaries: boundariesOf(sides),
    ingressController: inCluster.length < rows.length,
    allows: (from, to, at) =>
      lines.some((line) =>
        has(line.from, from.name) && has(line.to, to.name) &&
        hasPort(line.ports, at)
      ),
  };
}

function namesOf(sides: readonly Side[]): Set<string> {
  return new Set(
    sides.flatMap((side) => side.kind === "workload" ? [side.name] : []),
  );
}

function boundariesOf(sides: readonly Side[]): Ip[] {
  const found = new Map<string, Ip>();
  for (const side of sides) {
    if (side.kind !== "range") continue;
    for (const ip of [side.first, side.last]) found.set(ip.text, ip);
  }
  return [...found.values()];
}

type Row = readonly [from: string, to: string, ports: string];

function txtRow(line: string): Row | null {
  const match = /^(.+) => (.+) : (.+)$/.exec(line.trim());
  return match === null ? null : [match[1]!, match[2]!, match[3]!];
}

function csvRow(line: string): Row | null {
  const match = /^([^,]+),([^,]+),"?([^"]+)"?$/.exec(line.trim());
  if (match === null || match[1] === "src") return null;
  return [match[1]!, match[2]!, match[3]!];
}

function readSide(text: string): Side {
  const range = /^([\d.]+)-([\d.]+)(\[External\])?$/.exec(text);
  if (range === null) return { kind: "workload", name: text };
  return {
    kind: "range",
    first: Ip.of(range[1]!),
    last: Ip.of(range[2]!),
  };
}

function readPorts(text: string): Ports {
  if (text === "All Connections") return null;
  const ports: Record<string, [number, number][]> = {};
  for (const [, protocol, list] of text.matchAll(/([A-Z]+) ([\d,-]+)/g)) {
    ports[protocol!] = list!.split(",").filter((part) => part !== "").map(
      (part) => {
        const [from, to = from] = part.split("-").map(Number);
        return [from!, to!];
      },
    );
  }
  return ports;
}

function has(side: Side, name: string): boolean {
  if (side.kind === "workload") return side.name === name;
  const ip = Ip.parse(name);
  return ip !== undefined && compareIp(side.first, ip) <= 0 &&
    compareIp(ip, side.last) <= 0;
}

function hasPort(
  ports: Ports,
  { protocol, port }: { readonly protocol: string; readonly port: number },
): boolean {
  return ports === null ||
    (ports[protocol] ?? []).some(([from, to]) => port >= from && port <= to);
}

/** A list of differences, to be asked. */
export interface Differences {
  readonly names: ReadonlySet<string>;
  readonly boundaries: readonly Ip[];
  readonly ingressController: boolean;
  /** Whether either set of manifests allows; undefined where the list has no line, as both say the same. */
  find(
    from: { readonly name: string },
    to: { readonly name: string },
    at: { readonly protocol: string; readonly port: number },
  ): readonly [first: boolean, second: boolean] | undefined;
}

/** Reads a list of differences, as text or as CSV. */
export function readDifferences(text: string, csv: boolean): Differences {
  const rows = text.split("\n").map((line) =>
    csv ? csvDiff(line) : txtDiff(line)
  )
    .filter((row) => row !== null);
  const inCluster = rows.filter((row) =>
    !row.some((cell) => cell.includes("{ingress-controller}"))
  );
  const lines = inCluster.map(([from, to, first, second]) => ({
    from: readSide(from),
    to: readSide(to),
    ports: [readPorts(first), readPorts(second)] as const,
  }));
  const sides = lines.flatMap(({ from, to }) => [from, to]);
  return {
    names: namesOf(sides),
    boundaries: boundariesOf(sides),
    ingressController: inCluster.length < rows.length,
    find(from, to, at) {
      const line = lines.find((one) =>
        has(one.from, from.name) && has(one.to, to.name)
      );
      return line && [hasPort(line.ports[0], at), hasPort(line.ports[1], at)];
    },
  };
}

type DiffRow = readonly [
  from: string,
  to: string,
  first: string,
  second: string,
];

function txtDiff(line: string): DiffRow | null {
  const match =
    /source: (.+), destination: (.+), ref1: (.+), ref2: (.+?)(, workloads-diff-info: .*)?$/
      .exec(line.trim());
  return match === null ? null : [match[1]!, match[2]!, match[3]!, match[4]!];
}

function csvDiff(line: string): DiffRow | null {
  const cells = [...line.trim().matchAll(/("[^"]*"|[^,]*)(,|$)/g)]
    .map(([, cell]) => cell!.replaceAll('"', ""));
  if (cells.length < 5 || cells[0] === "diff-type") return null;
  return [cells[1]!, cells[2]!, cells[3]!, cells[4]!];
}
