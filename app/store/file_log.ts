import { InputError } from "../../core/errors.ts";
import { BlockLog, canonicalJson, type LogHeader } from "../../core/log/mod.ts";
import { FileBytes } from "./file_bytes.ts";

/**
 * Opens a log in a file to append to it. Where there is no file, or an empty
 * one, a log with this header is started; one that is there must be of the
 * same run.
 *
 * @example
 * ```ts
 * using log = openFileLog(`${Deno.makeTempDirSync()}/web.dplog`, { scenario: "web", seed: 1 });
 * log.append([]);
 * ```
 */
export function openFileLog(path: string, header: LogHeader): BlockLog {
  const bytes = FileBytes.openToWrite(path);
  try {
    if (bytes.length === 0) return BlockLog.create(bytes, header);
    const log = BlockLog.openToAppend(bytes);
    checkSameRun(path, { found: log.header, given: header });
    return log;
  } catch (error) {
    bytes.close();
    throw error;
  }
}

/** Opens a log in a file to read what is whole of it. Changes nothing, waits for nobody. */
export function readFileLog(path: string): BlockLog {
  const bytes = FileBytes.openToRead(path);
  try {
    return BlockLog.openToRead(bytes);
  } catch (error) {
    bytes.close();
    throw error;
  }
}

function checkSameRun(
  path: string,
  { found, given }: { readonly found: LogHeader; readonly given: LogHeader },
): void {
  const excerpt = canonicalJson(found);
  if (excerpt === canonicalJson(given)) return;
  throw new InputError([{
    message: `Cannot append to log ${path}: it is of another run`,
    at: { file: path, line: 1, column: 1 },
    excerpt,
    expected: `the header ${canonicalJson(given)}; choose another file, or ` +
      "remove this one",
  }]);
}
