import { dirname, resolve } from "node:path";
import { InputError } from "../../core/errors.ts";
import {
  type CommandResult,
  EXIT,
  printError,
  printFailure,
  printResult,
} from "./_exit.ts";

/** Quiet time after a change: editors write a file in several steps. */
const QUIET_MS = 100;

/** Runs a command once, or with --watch again and again until Ctrl-C. */
export async function runCommand(
  args: readonly string[],
  command: (args: readonly string[]) => Promise<CommandResult>,
): Promise<number> {
  const once = !args.includes("--watch") || args.includes("--help");
  if (once) return printResult(await command(args));
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  Deno.addSignalListener("SIGINT", onSignal);
  try {
    await watch(() => attempt(args, command), stop.signal);
  } finally {
    Deno.removeSignalListener("SIGINT", onSignal);
  }
  return EXIT.ok;
}

/**
 * Runs an action, waits until one of the files that it names changes, and
 * begins again, until the signal.
 */
export async function watch(
  action: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<void> {
  let known: readonly string[] = [];
  while (!signal.aborted) {
    const startMs = Date.now();
    const files = await action();
    // A run that failed may not have come to name them all.
    known = [...new Set([...files, ...known])];
    if (known.some((file) => changedSince(file, startMs))) continue;
    await changeOf(known, signal);
  }
}

/** What is wrong with an input is for the next run to mend. */
async function attempt(
  args: readonly string[],
  command: (args: readonly string[]) => Promise<CommandResult>,
): Promise<readonly string[]> {
  if (Deno.stdout.isTerminal()) {
    Deno.stdout.writeSync(new TextEncoder().encode("\x1b[2J\x1b[H"));
  }
  try {
    const result = await command(args);
    printResult(result);
    printError("Waiting for changes; Ctrl-C ends.");
    return result.files ?? [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    printFailure(error);
    printError("Waiting for changes; Ctrl-C ends.");
    // Options are among them, and are no files.
    return [...args, ...error.problems.map(({ at }) => at.file)];
  }
}

/** Resolves once a file has changed and nothing more does for a moment. */
async function changeOf(
  files: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const isFolder = (path: string) => statOf(path)?.isDirectory === true;
  const folders = files.filter(isFolder);
  // Editors put a new file in the place of the old one, which only its directory sees.
  const around = files.filter((file) => !isFolder(file)).map(dirname)
    .filter(isFolder);
  const watchers = [
    ...watching(folders, { recursive: true }),
    ...watching(around, { recursive: false }),
  ];
  const close = () => {
    for (const watcher of watchers.splice(0)) watcher.close();
  };
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wanted = new Set(files.map(realPath));
  const changed = new Promise<void>((resolve) => {
    for (const watcher of watchers) {
      listen(watcher, {
        wanted,
        onChange: () => {
          clearTimeout(timer);
          timer = setTimeout(resolve, QUIET_MS);
        },
      });
    }
  });
  await Promise.race([changed, stopped]);
  clearTimeout(timer);
  close();
}

function watching(
  paths: readonly string[],
  options: { readonly recursive: boolean },
): Deno.FsWatcher[] {
  const places = [...new Set(paths)];
  return places.length === 0 ? [] : [Deno.watchFs(places, options)];
}

async function listen(
  watcher: Deno.FsWatcher,
  { wanted, onChange }: {
    readonly wanted: ReadonlySet<string>;
    readonly onChange: () => void;
  },
): Promise<void> {
  for await (const { kind, paths } of watcher) {
    if (kind === "access") continue;
    if (paths.some((path) => isAmong(path, wanted))) onChange();
  }
}

/** Whether a path is one of the files, or lies in one of the directories and is not hidden there. */
function isAmong(path: string, files: ReadonlySet<string>): boolean {
  for (let at = path;; at = dirname(at)) {
    if (files.has(at)) return !path.slice(at.length).includes("/.");
    if (dirname(at) === at) return false;
  }
}

/** A file that is not there yet may come to be. */
function realPath(file: string): string {
  try {
    return Deno.realPathSync(file);
  } catch {
    return resolve(file);
  }
}

function changedSince(file: string, startMs: number): boolean {
  const stat = statOf(file);
  return stat?.isFile === true && (stat.mtime?.getTime() ?? 0) > startMs;
}

function statOf(file: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(file);
  } catch {
    return undefined;
  }
}
