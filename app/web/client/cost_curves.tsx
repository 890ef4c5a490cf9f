import { useEffect, useState } from "preact/hooks";
import { api } from "./api.ts";
import {
  costCluster,
  type CostCurve,
  type CostPoint,
  SERVICE_COUNTS,
  withAnswer,
} from "./cost_series.ts";
import { asError } from "./use_async.ts";

const STACKS = ["kube-proxy", "cilium"] as const;
const WIDTH = 560;
const HEIGHT = 300;
const MARGIN = { left: 56, right: 110, top: 14, bottom: 40 } as const;

type Measure = "rules" | "lookups";

/**
 * What a connection costs over the number of Services: replayed in clusters
 * made for it, counted in what the models look at.
 */
export function CostCurves(
  { services }: {
    /** Of the cluster that is looked at; null until it is known. */
    readonly services: number | null;
  },
) {
  const [curves, setCurves] = useState<readonly CostCurve[]>([]);
  const [done, setDone] = useState(0);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    let stopped = false;
    const replay = async () => {
      let found: readonly CostCurve[] = [];
      for (const services of SERVICE_COUNTS) {
        const answer = await api.compareManifests({
          ...costCluster(services),
          stacks: STACKS,
        });
        if (stopped) return;
        found = withAnswer(found, { services, answer });
        setCurves(found);
        setDone(services);
      }
    };
    replay().catch((error) => {
      if (!stopped) setError(asError(error));
    });
    return () => {
      stopped = true;
    };
  }, []);
  const last = SERVICE_COUNTS.at(-1)!;
  return (
    <section class="costs" aria-labelledby="cost-title">
      <header class="section-head">
        <h2 id="cost-title">
          Cost of a connection over the number of Services
        </h2>
        <span class="note">model units, not microseconds</span>
        <span class="note" role="status">
          {error
            ? error.message
            : done < last
            ? `replaying: ${done} of ${last} Services`
            : `replayed up to ${last.toLocaleString("en")} Services`}
        </span>
      </header>
      <div class="cost-charts">
        <Chart
          title="Rules scanned"
          measure="rules"
          curves={curves}
          own={services}
        />
        <Chart
          title="Map lookups"
          measure="lookups"
          curves={curves}
          own={services}
        />
      </div>
      <CostTable curves={curves} />
    </section>
  );
}

function Chart(
  { title, measure, curves, own }: {
    readonly own: number | null;
    readonly title: string;
    readonly measure: Measure;
    readonly curves: readonly CostCurve[];
  },
) {
  const most = niceMost(
    Math.max(
      ...curves.flatMap(({ points }) => points.map((point) => point[measure])),
      1,
    ),
  );
  const last = SERVICE_COUNTS.at(-1)!;
  const x = (services: number) =>
    MARGIN.left + (WIDTH - MARGIN.left - MARGIN.right) * services / last;
  const y = (count: number) =>
    HEIGHT - MARGIN.bottom -
    (HEIGHT - MARGIN.top - MARGIN.bottom) * count / most;
  const at = (point: CostPoint) => `${x(point.services)} ${y(point[measure])}`;
  const xTicks = [0, 250, 500, 750, 1_000];
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${title} per connection over the number of Services; the table below has the numbers`}
      >
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <g key={part} class="grid">
            <path
              d={`M${MARGIN.left} ${y(most * part)}H${WIDTH - MARGIN.right}`}
            />
            <text x={MARGIN.left - 6} y={y(most * part) + 4} class="end">
              {(most * part).toLocaleString("en")}
            </text>
          </g>
        ))}
        {xTicks.map((services) => (
          <text key={services} class="middle" x={x(services)} y={HEIGHT - 22}>
            {services.toLocaleString("en")}
          </text>
        ))}
        <text class="middle" x={x(last / 2)} y={HEIGHT - 6}>Services</text>
        {own !== null && own <= last && (
          <g class="own">
            <path d={`M${x(own)} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}`} />
            <text x={x(own) + 5} y={MARGIN.top + 16}>
              {`this cluster: ${own}`}
            </text>
          </g>
        )}
        {curves.map(({ stack, points }, index) => (
          <g key={stack} class={`curve curve-${index}`}>
            <path d={`M${points.map(at).join("L")}`} />
            {points.map((point) => (
              index === 0
                ? (
                  <circle
                    key={point.services}
                    cx={x(point.services)}
                    cy={y(point[measure])}
                    r="3.5"
                  />
                )
                : (
                  <rect
                    key={point.services}
                    x={x(point.services) - 3.2}
                    y={y(point[measure]) - 3.2}
                    width="6.4"
                    height="6.4"
                  />
                )
            ))}
            {points.length > 0 && (
              <text
                x={x(points.at(-1)!.services) + 9}
                y={labelY(curves, { index, measure, y })}
              >
                {stack}
              </text>
            )}
          </g>
        ))}
      </svg>
    </figure>
  );
}

/** Labels of curves that end near each other are moved apart. */
function labelY(
  curves: readonly CostCurve[],
  { index, measure, y }: {
    readonly index: number;
    readonly measure: Measure;
    readonly y: (count: number) => number;
  },
): number {
  const ends = curves.map(({ points }) => y(points.at(-1)?.[measure] ?? 0));
  const own = ends[index]!;
  const close = ends.some((end, other) =>
    other < index && Math.abs(end - own) < 14
  );
  return own + (close ? -10 : 4);
}

function CostTable({ curves }: { readonly curves: readonly CostCurve[] }) {
  if (curves.length === 0) return null;
  return (
    <div class="table-scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Stack</th>
            <th scope="col">Unit</th>
            {SERVICE_COUNTS.map((services) => (
              <th scope="col" class="number" key={services}>
                {services.toLocaleString("en")}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {curves.flatMap(({ stack, points }) =>
            (["rules", "lookups"] as const).map((measure) => (
              <tr key={`${stack} ${measure}`}>
                <th scope="row">{stack}</th>
                <td>{measure}</td>
                {SERVICE_COUNTS.map((services) => {
                  const point = points.find((one) =>
                    one.services === services
                  );
                  return (
                    <td class="number" key={services}>
                      {point === undefined
                        ? ""
                        : Math.round(point[measure] * 10) / 10}
                    </td>
                  );
                })}
              </tr>
            ))
          )}
        </tbody>
      </table>
    </div>
  );
}

/** The next number that reads well on an axis of four parts. */
function niceMost(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 8, 10].map((step) => step * power)
    .find((nice) => nice >= most && nice >= 4) ?? most;
}
