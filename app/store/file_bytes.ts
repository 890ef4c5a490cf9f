import { InputError, invariant } from "../../core/errors.ts";
import type { LogBytes } from "../../core/log/mod.ts";

/** Bytes of a log in a file. A write is on the disk when it returns. */
export class FileBytes implements LogBytes {
  readonly name: string;
  readonly #file: Deno.FsFile;
  #length: number;

  private constructor(path: string, file: Deno.FsFile) {
    this.name = path;
    this.#file = file;
    this.#length = file.statSync().size;
  }

  /** Opens a file that exists, to read it. Takes no lock: a log may be read while it grows. */
  static openToRead(path: string): FileBytes {
    return new FileBytes(path, openFile(path, { read: true }));
  }

  /**
   * Opens a file, or makes an empty one, and locks it against a second
   * writer. The kernel drops the lock when the process ends, however it ends.
   */
  static openToWrite(path: string): FileBytes {
    const file = openFile(path, { read: true, write: true, create: true });
    if (!file.tryLockSync(true)) {
      file.close();
      throw fileError(path, "another process is writing it", {
        expected: "one writer at a time: wait for the other, or choose " +
          "another file",
      });
    }
    syncFolder(path);
    return new FileBytes(path, file);
  }

  get length(): number {
    return this.#length;
  }

  read(offset: number, length: number): Uint8Array {
    invariant(
      offset >= 0 && length >= 0 && offset + length <= this.#length,
      `Cannot read ${length} bytes at ${offset} of ${this.#length}`,
    );
    const bytes = new Uint8Array(length);
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let at = 0; at < length;) {
      const count = this.#file.readSync(bytes.subarray(at));
      if (count === null) {
        throw fileError(this.name, `it ends at byte ${offset + at} by now`, {
          expected: "a file that nobody cuts short while it is read",
        });
      }
      at += count;
    }
    return bytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    invariant(offset === this.#length, "Cannot write a log but at its end");
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      at += this.#file.writeSync(bytes.subarray(at));
    }
    this.#file.syncDataSync();
    this.#length = offset + bytes.length;
  }

  truncate(length: number): void {
    this.#file.truncateSync(length);
    this.#length = length;
  }

  close(): void {
    this.#file.close();
  }
}

function openFile(path: string, options: Deno.OpenOptions): Deno.FsFile {
  try {
    const file = Deno.openSync(path, options);
    if (!file.statSync().isDirectory) return file;
    file.close();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw fileError(path, "there is no such file", { cause });
    }
    if (
      cause instanceof Deno.errors.PermissionDenied ||
      cause instanceof Deno.errors.NotCapable
    ) {
      throw fileError(path, "it is not allowed", { cause });
    }
    if (!(cause instanceof Deno.errors.IsADirectory)) throw cause;
  }
  throw fileError(path, "it is a folder");
}

/** Makes the name of a new file as durable as its bytes; folders cannot be synced on Windows. */
function syncFolder(path: string): void {
  if (Deno.build.os === "windows") return;
  const slash = path.lastIndexOf("/");
  const folder = slash < 0 ? "." : path.slice(0, slash + 1);
  using file = Deno.openSync(folder, { read: true });
  file.syncSync();
}

function fileError(
  path: string,
  reason: string,
  { cause, expected = "a log that a run wrote" }: {
    readonly cause?: unknown;
    readonly expected?: string;
  } = {},
): InputError {
  const message = `Cannot open log ${path}: ${reason}`;
  const at = { file: path, line: 1, column: 1 };
  return new InputError([{ message, at, expected }], { cause });
}
