import { useMemo, useState } from "preact/hooks";
import type { Edge } from "../../server/schemas.ts";
import { counted } from "./counted.ts";
import { CHANGE_TEXT, EdgeLine, SIGNS } from "./edge_line.tsx";
import {
  EDGE_CHANGES,
  type EdgeChange,
  type MapEdge,
  type MapLayout,
  mapLayout,
  NODE_HEIGHT,
  NODE_WIDTH,
} from "./map_layout.ts";

/** Edges drawn at most; the list below has them all. */
const MOST_DRAWN = 250;

/** Who talks to whom, and what of it changes from the baseline to another stack. */
export function ServiceMap(
  { edges, more, baseline, stack, onFilter }: {
    readonly edges: readonly Edge[];
    readonly more: number;
    readonly baseline: string;
    readonly stack: string;
    /** Shows the flows of an edge. */
    readonly onFilter: (filter: string) => void;
  },
) {
  const [shown, setShown] = useState<ReadonlySet<EdgeChange>>(
    new Set(EDGE_CHANGES),
  );
  const [chosen, setChosen] = useState<string | null>(null);
  const all = useMemo(() => mapLayout(edges, { baseline, stack }).edges, [
    edges,
    baseline,
    stack,
  ]);
  const drawn = all.filter(({ change }) => shown.has(change));
  const layout = useMemo(
    () =>
      mapLayout(drawn.slice(0, MOST_DRAWN).map(({ edge }) => edge), {
        baseline,
        stack,
      }),
    [drawn.map(edgeKey).join("\n"), baseline, stack],
  );
  const count = (change: EdgeChange) =>
    all.filter((edge) => edge.change === change).length;
  const left = more + Math.max(0, drawn.length - MOST_DRAWN);
  return (
    <section class="map" aria-labelledby="map-title">
      <header class="section-head">
        <h2 id="map-title">{`${baseline} → ${stack}`}</h2>
        <div class="chips" role="group" aria-label="Which edges">
          {EDGE_CHANGES.map((change) => (
            <button
              key={change}
              type="button"
              class="chip"
              aria-pressed={shown.has(change)}
              onClick={() => setShown(toggled(shown, change))}
            >
              <EdgeSample change={change} />
              {CHANGE_TEXT[change]}
              <b>{count(change)}</b>
            </button>
          ))}
          <button
            type="button"
            class="quiet"
            onClick={() =>
              setShown(
                new Set<EdgeChange>(
                  shown.size === 1 ? EDGE_CHANGES : ["removed"],
                ),
              )}
          >
            {shown.size === 1 ? "All edges" : "Only what breaks"}
          </button>
        </div>
        {left > 0 && <span class="note">{`${left} edges are not drawn`}</span>}
      </header>
      {drawn.length === 0 && <p class="note">No such edges.</p>}
      <div class="map-scroll" tabIndex={0} role="group" aria-label="Map">
        <MapDrawing layout={layout} chosen={chosen} onChoose={setChosen} />
      </div>
      <EdgeFacts
        edge={all.find((one) => edgeKey(one) === chosen) ?? null}
        onFilter={onFilter}
      />
    </section>
  );
}

function MapDrawing(
  { layout: { nodes, edges, groups, width, height }, chosen, onChoose }: {
    readonly layout: MapLayout;
    readonly chosen: string | null;
    readonly onChoose: (key: string) => void;
  },
) {
  return (
    <svg
      class="map-drawing"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="group"
      aria-label="Senders on the left, what they ask for on the right"
    >
      {groups.map(({ name, column, y, height }) => (
        <g key={`${column} ${name}`} class="map-group">
          <rect
            x={column === 0 ? 2 : 706}
            y={y}
            width={292}
            height={height}
            rx={4}
          />
          <text x={column === 0 ? 10 : 714} y={y + 14}>{name}</text>
        </g>
      ))}
      {[...edges].sort(byWeight).map((edge) => (
        <EdgeLine
          key={edgeKey(edge)}
          edge={edge}
          place={placeOf(edge, edges)}
          chosen={edgeKey(edge) === chosen}
          onChoose={() => onChoose(edgeKey(edge))}
        />
      ))}
      {nodes.map(({ id, column, name, x, y }) => (
        <g key={`${column} ${id}`} class="map-node">
          <title>{id}</title>
          <rect x={x} y={y} width={NODE_WIDTH} height={NODE_HEIGHT} rx={3} />
          <text x={x + 8} y={y + 17}>{cut(name)}</text>
        </g>
      ))}
    </svg>
  );
}

/** Marks of edges from one sender stand apart from each other. */
function placeOf(edge: MapEdge, edges: readonly MapEdge[]): number {
  const fellows = edges.filter(({ from }) => from === edge.from);
  return (fellows.indexOf(edge) + 1) / (fellows.length + 1);
}

function EdgeFacts(
  { edge, onFilter }: {
    readonly edge: MapEdge | null;
    readonly onFilter: (filter: string) => void;
  },
) {
  if (edge === null) {
    return <p class="note">Choose an edge for what each stack makes of it.</p>;
  }
  const { edge: { from, to, flows, changed, stacks } } = edge;
  const [, host, port] = /^\w+:\/\/(.*?)(?::(\d+))?$/.exec(to) ?? [];
  const filter = [
    `dst.host==${host}`,
    ...(port === undefined ? [] : [`dst.port==${port}`]),
  ].join(" && ");
  return (
    <section class="card edge-facts" aria-live="polite" aria-label="Edge">
      <header>
        <code>{`${from} → ${to}`}</code>
        <span class="note">
          {`${counted(flows, "flow")}, ${changed} differ · ${
            CHANGE_TEXT[edge.change]
          }`}
        </span>
        <button type="button" class="quiet" onClick={() => onFilter(filter)}>
          Flows to it
        </button>
      </header>
      {edge.differences.length > 0 && <p>{edge.differences.join("; ")}</p>}
      <div class="table-scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Stack</th>
              <th scope="col" class="number">Forwarded</th>
              <th scope="col" class="number">Failed</th>
              <th scope="col" class="number">Unknown</th>
              <th scope="col">Encryption</th>
              <th scope="col">Received by</th>
            </tr>
          </thead>
          <tbody>
            {stacks.map((one) => (
              <tr key={one.stack}>
                <th scope="row">{one.stack}</th>
                <td class="number">{one.forwarded}</td>
                <td class="number">{one.failed}</td>
                <td class="number">{one.unknown}</td>
                <td>{one.encryption.join(", ") || "no wire"}</td>
                <td>{one.receivers.join(", ") || "nobody"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function EdgeSample({ change }: { readonly change: EdgeChange }) {
  return (
    <svg
      class={`edge-sample edge-${change}`}
      viewBox="0 0 26 10"
      aria-hidden="true"
    >
      <path class="map-line" d="M1 5h24" />
      {SIGNS[change] !== "" && <text x="13" y="9">{SIGNS[change]}</text>}
    </svg>
  );
}

function edgeKey({ edge: { from, to } }: MapEdge): string {
  return `${from}\n${to}`;
}

/** What is unchanged lies below what is not. */
function byWeight(a: MapEdge, b: MapEdge): number {
  return EDGE_CHANGES.indexOf(b.change) - EDGE_CHANGES.indexOf(a.change);
}

function toggled<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  const next = new Set(set);
  if (!next.delete(item)) next.add(item);
  return next;
}

/** Characters of a name that fit a node. */
const NAME_LENGTH = 40;

function cut(name: string): string {
  return name.length <= NAME_LENGTH
    ? name
    : `${name.slice(0, NAME_LENGTH - 1)}…`;
}
