import { InternalError, invariant } from "../../core/errors.ts";
import { checked, closeLibc, cString, libc, openLibc } from "./libc.ts";

const CLONE_NEWNET = 0x4000_0000;
const O_RDONLY_CLOEXEC = 0x8_0000;
/** Of the calling thread: a test runs on a thread that is not the process's first. */
const CURRENT = "/proc/thread-self/ns/net";

/** A command that ended with something else than 0. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly code = "command";
}

/**
 * A network namespace of this process's own. It has no name and ends with the
 * last descriptor to it, so nothing of it outlives the process. Commands and
 * files under /proc/sys/net reach it only from within {@link run}; devices
 * and sockets opened there belong to it for good.
 */
export class NetworkNamespace {
  readonly #descriptor: number;
  readonly #name: string;
  #closed = false;

  private constructor(descriptor: number, name: string) {
    this.#descriptor = descriptor;
    this.#name = name;
  }

  /** Makes an empty one and leaves the thread where it was. */
  static create(): NetworkNamespace {
    openLibc();
    try {
      return NetworkNamespace.#unshare();
    } catch (error) {
      closeLibc();
      throw error;
    }
  }

  static #unshare(): NetworkNamespace {
    const home = openCurrent();
    try {
      const before = Deno.readLinkSync(CURRENT);
      checked("unshare the network", libc().unshare(CLONE_NEWNET));
      try {
        const name = Deno.readLinkSync(CURRENT);
        invariant(name !== before, "unshare() left the namespace as it was");
        return new NetworkNamespace(openCurrent(), name);
      } finally {
        goTo(home);
      }
    } finally {
      libc().close(home);
    }
  }

  /** Runs synchronous work inside, and comes back whatever happens. */
  run<Result>(work: () => Result): Result {
    invariant(!this.#closed, "the network namespace is closed");
    const home = openCurrent();
    try {
      goTo(this.#descriptor);
      const result = work();
      if (result instanceof Promise) {
        throw new InternalError("work in a network namespace is synchronous");
      }
      return result;
    } finally {
      goTo(home);
      libc().close(home);
    }
  }

  /**
   * Runs a program inside, with `input` as its standard input, and gives what
   * it printed. Nothing is started unless the thread is in this namespace.
   */
  command(
    program: string,
    args: readonly string[],
    input: string | null = null,
  ): string {
    return this.run(() => {
      invariant(
        Deno.readLinkSync(CURRENT) === this.#name,
        "the thread is in another network namespace",
      );
      return runProgram(program, args, input);
    });
  }

  /** Sets `net/ipv4/ip_forward` and the like; keys are paths below /proc/sys. */
  setting(path: string, value: number | string): void {
    this.run(() => {
      invariant(
        Deno.readLinkSync(CURRENT) === this.#name && path.startsWith("net/"),
        `${path} is not a setting of this network namespace`,
      );
      Deno.writeTextFileSync(`/proc/sys/${path}`, `${value}`);
    });
  }

  /** Lets it go; it ends when its devices and sockets are closed too. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    libc().close(this.#descriptor);
    closeLibc();
  }
}

function openCurrent(): number {
  return checked(
    "open the network namespace",
    libc().open(cString(CURRENT), O_RDONLY_CLOEXEC),
  );
}

function goTo(descriptor: number): void {
  checked(
    "enter a network namespace",
    libc().setns(descriptor, CLONE_NEWNET),
  );
}

/** What a shell ends with when there is no such program. */
const NO_PROGRAM = 127;

function runProgram(
  program: string,
  args: readonly string[],
  input: string | null,
): string {
  const options: Deno.CommandOptions = {
    args: [...args],
    stdout: "piped",
    stderr: "piped",
    env: { LC_ALL: "C" },
  };
  if (input === null) return output(program, program, options);
  // outputSync() takes no input: it goes through a file that only we can read.
  const file = Deno.makeTempFileSync({ prefix: "plumbline-kernel-" });
  try {
    Deno.writeTextFileSync(file, input);
    return output(program, "sh", {
      ...options,
      args: ["-c", 'exec "$0" "$@" < "$PLUMBLINE_INPUT"', program, ...args],
      env: { LC_ALL: "C", PLUMBLINE_INPUT: file },
    });
  } finally {
    Deno.removeSync(file);
  }
}

function output(
  program: string,
  started: string,
  options: Deno.CommandOptions,
): string {
  const { code, stdout, stderr } = new Deno.Command(started, options)
    .outputSync();
  const text = new TextDecoder();
  if (code === 0) return text.decode(stdout);
  if (code === NO_PROGRAM) throw new CommandError(`no ${program} here`);
  const said = text.decode(stderr).trim().split("\n").slice(0, 3).join("; ");
  throw new CommandError(
    `${program} ended with ${code}${said === "" ? "" : `: ${said}`}`,
  );
}
