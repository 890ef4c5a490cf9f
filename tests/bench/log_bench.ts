import type { LogEvent } from "../../core/log/mod.ts";
import { openFileLog, readFileLog } from "../../app/store/file_log.ts";

const EVENTS = 200_000;
const RUNS = 5;

/** Measures the log in a file: appending with a sync to disk for each block, and reading with every check. */
export function benchLog(): void {
  const events = Array.from({ length: EVENTS }, (_, index) => makeEvent(index));
  const folder = Deno.makeTempDirSync({ prefix: "plumbline-bench-" });
  const path = `${folder}/bench.dplog`;
  const appends: number[] = [];
  const reads: number[] = [];
  const stringifies: number[] = [];
  let summary = "";
  try {
    for (let run = 0; run < RUNS; run++) {
      stringifies.push(perSecond(() => {
        for (const event of events) JSON.stringify(event);
      }));
      Deno.removeSync(folder, { recursive: true });
      Deno.mkdirSync(folder);
      appends.push(perSecond(() => {
        using log = openFileLog(path, { scenario: "bench", seed: 1 });
        log.append(events);
      }));
      reads.push(perSecond(() => {
        using log = readFileLog(path);
        for (const event of log.read()) void event.position;
      }));
    }
    using log = readFileLog(path);
    const { rawBytes, storedBytes } = log.verify();
    summary = `${(rawBytes / EVENTS).toFixed(0)} bytes of JSON an event, ` +
      `${(storedBytes / EVENTS).toFixed(0)} stored`;
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  print(`log: ${EVENTS} events, medians of ${RUNS} runs; ${summary}`);
  print(`  append, sync a block      ${rate(appends)}`);
  print(`  read and verify           ${rate(reads)}`);
  print(`  (JSON.stringify alone)    ${rate(stringifies)}`);
}

/** One in three opens a flow, is a hop of it, and closes it; addresses and ports vary. */
function makeEvent(position: number): LogEvent {
  const number = Math.floor(position / 3);
  const flow = `flow-${number}`;
  const mixed = Math.imul(number, 0x9e3779b1) >>> 0;
  const timeNs = position * 1_000 + (Math.imul(position, 0x85ebca6b) >>> 23);
  const place = { position, timeNs, version: 1 };
  const pod = `10.${mixed >>> 30}.${(mixed >>> 8) & 255}.${mixed & 255}`;
  const port = 32768 + (mixed % 28232);
  if (position % 3 === 0) {
    const from = { kind: "pod", namespace: "shop", name: `web-${mixed % 400}` };
    const to = { host: `10.96.0.${mixed % 250}`, port: 80 };
    const application = { kind: "opaque", lengthBytes: mixed % 1400 };
    const data = { flow: { id: flow, from, to, protocol: "tcp", application } };
    return { ...place, type: "flow.opened", data };
  }
  if (position % 3 === 1) {
    const hop = {
      node: `n${mixed % 7}`,
      hook: "prerouting",
      action: "rewrite",
      detail: `10.96.0.${mixed % 250}:80 -> ${pod}:8080`,
      packet: `tcp 10.0.0.5:${port} > ${pod}:8080`,
    };
    return { ...place, type: "hop.taken", data: { flow, hop } };
  }
  const data = {
    flow,
    verdict: "forwarded",
    reason: null,
    backend: `${pod}:8080`,
    source: `10.0.0.5:${port}`,
    reply: true,
    cost: { rules: mixed % 90, conntrack: 2 },
  };
  return { ...place, type: "flow.closed", data };
}

function perSecond(action: () => void): number {
  const start = performance.now();
  action();
  return EVENTS * 1000 / (performance.now() - start);
}

function rate(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[sorted.length >> 1]!;
  return `${Math.round(median / 1000).toString().padStart(6)} k events/s`;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) benchLog();
