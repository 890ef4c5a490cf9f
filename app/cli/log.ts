import { parseArgs } from "node:util";
import { nearest } from "../../core/errors.ts";
import { canonicalJson, type LogEvent } from "../../core/log/mod.ts";
import { visibleLines } from "../../core/report/visible_text.ts";
import { replayLog } from "../replay_log.ts";
import { readFileLog } from "../store/file_log.ts";
import { EXIT, print, printError, runMain, UsageError } from "./_exit.ts";

const USAGE = `Usage:
  deno task log verify FILE       check every block, hash and event of a log
  deno task log show FILE         print events, one a line
  deno task log replay FILE       replay the tape of a run once more, through
                                  the stack that the log names, and say
                                  whether the outcomes are the same

Options of show:
  --from N     start at position N (0)
  --limit N    print at most N events (100; with --json all)
  --type T     only events of type T, such as flow.closed
  --json       canonical JSON, one event a line

Exits with 0 when all is well, 1 when a replay gives other outcomes, 2 when the
log cannot be read.

Examples:
  deno task log verify .runs/shop.cilium.0123456789ab.dplog
  deno task log show FILE --type flow.closed --limit 10
  deno task log show FILE --from 1200 --json | jq .data
  deno task log replay FILE`;

/** Lines of text that \`show\` prints unless told otherwise. */
const SHOWN_EVENTS = 100;
const LINE_LENGTH = 100;
/** Types remembered to say what there is in place of one that is not. */
const OTHER_TYPES = 50;

interface ShowOptions {
  readonly from: number;
  readonly limit: number;
  readonly type: string | null;
  readonly json: boolean;
}

/** The command `log`: verifies a log, shows its events, or replays its tape. */
export async function log(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      from: { type: "string" },
      limit: { type: "string" },
      type: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    print(USAGE);
    return EXIT.ok;
  }
  const [command, path, ...rest] = positionals;
  if (path === undefined || rest.length > 0) {
    throw new UsageError(
      `Cannot run log: it takes a command and a FILE\n${USAGE}`,
    );
  }
  const { json, type = null } = values;
  switch (command) {
    case "verify":
      return verifyLog(path);
    case "show":
      return showLog(path, {
        from: countOf("from", values.from) ?? 0,
        limit: countOf("limit", values.limit) ??
          (json ? Infinity : SHOWN_EVENTS),
        type,
        json,
      });
    case "replay":
      return await replayAgain(path);
    default:
      throw new UsageError(
        `Cannot run log ${command}: no such command\n${USAGE}`,
      );
  }
}

function verifyLog(path: string): number {
  using store = readFileLog(path);
  const { events, blocks, rawBytes, storedBytes, tail } = store.verify();
  print(`${path}: whole`);
  print(`  run     ${store.runId}`);
  print(`  header  ${visibleLines(canonicalJson(store.header))}`);
  print(`  events  ${events} in ${blocks} blocks`);
  print(`  bytes   ${rawBytes} as JSON, ${storedBytes} stored`);
  print(`  end     ${TAILS[tail]}`);
  return EXIT.ok;
}

const TAILS = {
  "footer": "closed, with an index",
  "nothing": "not closed: still being written, or its writer was stopped",
  "torn": "in an unfinished block: its writer was stopped, or the file was " +
    "cut short; the next writer removes it",
  "damaged footer": "the index is damaged",
} as const;

function showLog(path: string, options: ShowOptions): number {
  const { from, limit, type, json } = options;
  using store = readFileLog(path);
  const others = new Set<string>();
  let shown = 0;
  for (const event of store.read(from)) {
    if (type !== null && event.type !== type) {
      if (others.size < OTHER_TYPES) others.add(event.type);
      continue;
    }
    if (shown === limit) {
      const { position } = event;
      if (!json) printError(`… more from --from ${position} on, or --limit N`);
      return EXIT.ok;
    }
    print(json ? canonicalJson(event) : eventLine(event));
    shown++;
  }
  if (shown > 0) return EXIT.ok;
  printError(
    type === null || others.size === 0
      ? `No event from position ${from} on: the log ends at ${store.head.position}`
      : visibleLines(`No event of type ${type}; ${typeHint(type, others)}`),
  );
  return EXIT.ok;
}

function typeHint(type: string, others: ReadonlySet<string>): string {
  const near = nearest(type, others);
  return near === undefined
    ? `there are ${[...others].sort().join(", ")}`
    : `did you mean ${near}?`;
}

/** `     12    0.000001200s  flow.opened  {"flow":…`, cut to the width of a page. */
function eventLine({ position, timeNs, type, data }: LogEvent): string {
  const time = `${Math.floor(timeNs / 1e9)}.${
    `${timeNs % 1e9}`.padStart(9, "0")
  }s`;
  const start = `${`${position}`.padStart(7)} ${time.padStart(14)}  ` +
    `${visibleLines(JSON.stringify(type).slice(1, -1)).padEnd(17)}  `;
  const line = start + visibleLines(canonicalJson(data));
  return line.length > LINE_LENGTH
    ? `${line.slice(0, LINE_LENGTH - 1)}…`
    : line;
}

async function replayAgain(path: string): Promise<number> {
  const replayed = await replayLog(path);
  const { stack, seed, flows, before, now, otherPlugins } = replayed;
  const same = before === now;
  print(`${path}: ${flows} flows through ${visibleLines(stack)}, seed ${seed}`);
  print(`  before  ${before}`);
  print(`  now     ${now}`);
  print(same ? "  the same outcomes" : "  other outcomes");
  if (otherPlugins) {
    print("  its plugins were others, or of other versions: see log verify");
  }
  return same ? EXIT.ok : EXIT.differs;
}

function countOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(
    `Cannot read --${name} ${text}: it is no whole number\n${USAGE}`,
  );
}

if (import.meta.main) await runMain(log);
