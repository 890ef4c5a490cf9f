import { counted } from "./counted.ts";
import {
  type EdgeChange,
  type MapEdge,
  NODE_HEIGHT,
  NODE_WIDTH,
} from "./map_layout.ts";

/** Signs of changes, so that no line is told by its colour alone. */
export const SIGNS: Readonly<Record<EdgeChange, string>> = {
  removed: "×",
  added: "+",
  changed: "~",
  same: "",
};

/** Changes in words. */
export const CHANGE_TEXT: Readonly<Record<EdgeChange, string>> = {
  removed: "removed",
  added: "added",
  changed: "changed",
  same: "unchanged",
};

/** One line of the map, with its sign and its count. */
export function EdgeLine(
  { edge, place, chosen, onChoose }: {
    readonly edge: MapEdge;
    /** How far along its line the mark stands, from 0 to 1. */
    readonly place: number;
    readonly chosen: boolean;
    readonly onChoose: () => void;
  },
) {
  const { from, to, change, edge: { flows } } = edge;
  const x1 = from.x + NODE_WIDTH;
  const y1 = from.y + NODE_HEIGHT / 2;
  const y2 = to.y + NODE_HEIGHT / 2;
  const middle = (x1 + to.x) / 2;
  const path = `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${to.x} ${y2}`;
  const sign = SIGNS[change];
  const mark = pointAt(place, { x1, y1, x2: to.x, y2 });
  return (
    <g
      class={`map-edge edge-${change}${chosen ? " chosen" : ""}`}
      role="button"
      tabindex={0}
      aria-pressed={chosen}
      aria-label={edgeLabel(edge)}
      onClick={onChoose}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        onChoose();
      }}
    >
      <path class="map-hit" d={path} />
      <path class="map-line" d={path} />
      {sign !== "" && (
        <g class="map-sign" transform={`translate(${mark.x} ${mark.y})`}>
          <rect x="-21" y="-9" width="42" height="18" rx="9" />
          <text class="map-mark" x="-11" y="4.5">{sign}</text>
          <text class="map-count" x="6" y="4">{shortCount(flows)}</text>
        </g>
      )}
    </g>
  );
}

/** A point of the curve that an edge is drawn as, a cubic one with level ends. */
function pointAt(
  t: number,
  { x1, y1, x2, y2 }: {
    readonly x1: number;
    readonly y1: number;
    readonly x2: number;
    readonly y2: number;
  },
): { readonly x: number; readonly y: number } {
  const middle = (x1 + x2) / 2;
  const u = 1 - t;
  return {
    x: u ** 3 * x1 + 3 * u * t * middle + t ** 3 * x2,
    y: (u ** 3 + 3 * u ** 2 * t) * y1 + (3 * u * t ** 2 + t ** 3) * y2,
  };
}

function shortCount(count: number): string {
  return count < 1_000 ? String(count) : `${Math.round(count / 100) / 10}k`;
}

function edgeLabel({ edge, change, differences }: MapEdge): string {
  const about = differences.length === 0 ? "" : `: ${differences.join("; ")}`;
  return `${edge.from} to ${edge.to}, ${counted(edge.flows, "flow")}, ${
    CHANGE_TEXT[change]
  }${about}`;
}
