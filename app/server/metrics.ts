/** Upper bounds of the buckets of a histogram, in seconds. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

/** A number that is read when it is asked for. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

/** Counts requests; the text is Prometheus' exposition format, version 0.0.4. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #durations = new Map<string, Histogram>();
  readonly #gauges: readonly Gauge[];

  constructor(gauges: readonly Gauge[]) {
    this.#gauges = gauges;
  }

  /** `route` is a pattern: names that callers make up would be labels without end. */
  addRequest(
    { method, route, status, seconds }: {
      readonly method: string;
      readonly route: string;
      readonly status: number;
      readonly seconds: number;
    },
  ): void {
    const key = `method="${method}",route="${route}",status="${status}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    let histogram = this.#durations.get(route);
    if (histogram === undefined) {
      histogram = { counts: BUCKETS_S.map(() => 0), sum: 0, count: 0 };
      this.#durations.set(route, histogram);
    }
    histogram.sum += seconds;
    histogram.count++;
    for (const [index, bound] of BUCKETS_S.entries()) {
      if (seconds <= bound) histogram.counts[index]!++;
    }
  }

  text(): string {
    return [
      "# HELP plumbline_http_requests_total Requests answered.",
      "# TYPE plumbline_http_requests_total counter",
      ...[...this.#requests].map(([labels, count]) =>
        `plumbline_http_requests_total{${labels}} ${count}`
      ),
      "# HELP plumbline_http_request_seconds Time to the head of an answer.",
      "# TYPE plumbline_http_request_seconds histogram",
      ...[...this.#durations].flatMap(([route, histogram]) =>
        histogramLines(route, histogram)
      ),
      ...this.#gauges.flatMap(({ name, help, read }) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} gauge`,
        `${name} ${read()}`,
      ]),
      "",
    ].join("\n");
  }
}

function histogramLines(
  route: string,
  { counts, sum, count }: Histogram,
): string[] {
  const name = "plumbline_http_request_seconds";
  return [
    ...BUCKETS_S.map((bound, index) =>
      `${name}_bucket{route="${route}",le="${bound}"} ${counts[index]}`
    ),
    `${name}_bucket{route="${route}",le="+Inf"} ${count}`,
    `${name}_sum{route="${route}"} ${sum}`,
    `${name}_count{route="${route}"} ${count}`,
  ];
}
