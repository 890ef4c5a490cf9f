import { InputError, type Problem } from "../../core/errors.ts";
import type { ManifestFile } from "../../core/import/manifests.ts";
import { LIMITS } from "../../core/limits.ts";

/** Standard input, among paths. */
const STDIN = "-";

/**
 * Reads manifest files: those named, and those with a manifest's ending in
 * directories named, at any depth, in order of their paths. `-` is standard
 * input. Throws an `InputError` with everything that cannot be read.
 *
 * @example
 * ```ts
 * const { events } = importManifests(readManifests(["cluster/", "web.yaml"]));
 * ```
 */
export function readManifests(paths: readonly string[]): ManifestFile[] {
  return readFiles(paths, MANIFESTS);
}

/** Which files of a directory are meant. */
export interface FilesWanted {
  readonly ending: RegExp;
  /** What a directory without any is told. */
  readonly missing: { readonly reason: string; readonly expected: string };
}

const MANIFESTS: FilesWanted = {
  ending: /\.(?:ya?ml|json)$/,
  missing: {
    reason: "the directory has no manifests",
    expected: "files that end in .yaml, .yml or .json",
  },
};

/** Reads files by the same rules with other endings. */
export function readFiles(
  paths: readonly string[],
  wanted: FilesWanted,
): ManifestFile[] {
  const problems: Problem[] = [];
  const found = new Set<string>();
  for (const path of paths) {
    collect(path, { named: true, found, problems, wanted });
  }
  if (found.size > LIMITS.manifestFiles) {
    problems.push(unreadable(paths.join(" "), {
      reason: `there are ${found.size} files`,
      expected: `at most ${LIMITS.manifestFiles}`,
    }));
  }
  if (problems.length > 0) throw new InputError(problems);
  let lengthBytes = 0;
  const files = [...found].map((path) => {
    const read = readOne(path, problems);
    lengthBytes += read?.text.length ?? 0;
    if (lengthBytes <= LIMITS.importBytes) return read;
    const message = `Cannot read ${path}: the files before it have too much`;
    const expected = `at most ${LIMITS.importBytes} bytes in all`;
    const at = { file: path, line: 1, column: 1 };
    throw new InputError([...problems, { message, at, expected }]);
  });
  if (problems.length > 0) throw new InputError(problems);
  return files.filter((file) => file !== null);
}

/** What is collected on the way through paths. */
interface Collection {
  /** Files that a user names are read whatever their ending. */
  readonly named: boolean;
  readonly found: Set<string>;
  readonly problems: Problem[];
  readonly wanted: FilesWanted;
}

/** Collects the manifests of a path; false when it is a directory without any. */
function collect(
  path: string,
  { named, found, problems, wanted }: Collection,
): boolean {
  if (path === STDIN) return found.add(path).has(path);
  if (found.size > LIMITS.manifestFiles) return true;
  const info = attempt(path, { problems, run: () => Deno.statSync(path) });
  if (info === null) return true;
  if (!info.isDirectory) {
    const meant = named || wanted.ending.test(path);
    return meant && found.add(path).has(path);
  }
  // A linked directory below a named one could lead in circles.
  if (!named && Deno.lstatSync(path).isSymlink) return false;
  const entries = attempt(path, {
    problems,
    run: () => [...Deno.readDirSync(path)].filter(isOrdinary),
  });
  if (entries === null) return true;
  const any = entries.map(({ name }) => name).sort((a, b) => a < b ? -1 : 1)
    .map((name) => `${path.replace(/\/+$/, "")}/${name}`)
    .map((child) => collect(child, { named: false, found, problems, wanted }))
    .includes(true);
  if (named && !any) {
    problems.push(unreadable(path, wanted.missing));
  }
  return any;
}

/** Hidden files and directories, such as .git, are not meant to be read. */
function isOrdinary({ name }: Deno.DirEntry): boolean {
  return !name.startsWith(".");
}

function readOne(path: string, problems: Problem[]): ManifestFile | null {
  const file = path === STDIN ? "stdin" : path;
  const bytes = attempt(path, {
    problems,
    run: () => path === STDIN ? readStdin() : readBounded(path),
  });
  if (bytes === null) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { file, text };
  } catch {
    problems.push(unreadable(file, {
      reason: "it is no text",
      expected: "YAML or JSON in UTF-8",
    }));
    return null;
  }
}

function readBounded(path: string): Uint8Array {
  const { size } = Deno.statSync(path);
  if (size > LIMITS.documentBytes) throw tooLarge(size);
  return Deno.readFileSync(path);
}

function readStdin(): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = new Uint8Array(64 * 1024);
    const count = Deno.stdin.readSync(chunk);
    if (count === null) break;
    length += count;
    if (length > LIMITS.documentBytes) throw tooLarge(length);
    chunks.push(chunk.subarray(0, count));
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function tooLarge(size: number): RangeError {
  return new RangeError(
    `it has ${size} bytes, more than ${LIMITS.documentBytes}`,
  );
}

/** What the system says no to becomes a problem of the path. */
function attempt<T>(
  path: string,
  { problems, run }: { problems: Problem[]; run: () => T },
): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      problems.push(unreadable(path, {
        reason: "it does not exist",
        expected: "a file, a directory, or - for standard input",
      }));
    } else {
      const reason = error instanceof Error ? error.message : `${error}`;
      problems.push(unreadable(path, { reason }));
    }
    return null;
  }
}

function unreadable(
  path: string,
  { reason, expected }: { reason: string; expected?: string },
): Problem {
  return {
    message: `Cannot read ${path}: ${reason}`,
    at: { file: path, line: 1, column: 1 },
    ...(expected === undefined ? {} : { expected }),
  };
}
