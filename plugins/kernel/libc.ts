import { invariant } from "../../core/errors.ts";

/** A call of the C library that failed. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly code = "system-call";
  readonly errno: number;

  constructor(call: string, errno: number) {
    super(`Cannot ${call}: ${ERRNO_TEXT[errno] ?? `errno ${errno}`}`);
    this.errno = errno;
  }
}

/** Error numbers this plugin tells apart (include/uapi/asm-generic/errno*.h). */
export const ERRNO = {
  permission: 1,
  missing: 2,
  again: 11,
  invalid: 22,
  noBuffers: 105,
} as const;

const ERRNO_TEXT: Readonly<Record<number, string>> = {
  1: "operation not permitted",
  2: "no such file or entry",
  11: "nothing to read",
  13: "permission denied",
  16: "device or resource busy",
  19: "no such device",
  22: "invalid argument",
  92: "protocol not available",
  93: "protocol not supported",
  97: "address family not supported",
  105: "no buffer space left",
};

const SYMBOLS = {
  unshare: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "isize",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setfsuid: { parameters: ["u32"], result: "i32" },
  setfsgid: { parameters: ["u32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

type Library = Deno.DynamicLibrary<typeof SYMBOLS>;

let library: Library | null = null;
let users = 0;

/** The calls of the C library, for as long as a namespace is open. */
export function libc(): Library["symbols"] {
  invariant(library !== null, "the C library is used without a namespace");
  return library.symbols;
}

/** Opens the C library for one more user. */
export function openLibc(): void {
  library ??= Deno.dlopen("libc.so.6", SYMBOLS);
  users++;
}

/** The last user closes it. */
export function closeLibc(): void {
  if (--users > 0) return;
  library?.close();
  library = null;
}

/** Number of the error of the last call that failed on this thread. */
export function lastErrno(): number {
  const at = libc().__errno_location();
  return at === null ? 0 : new Deno.UnsafePointerView(at).getInt32();
}

/** The result of a call, or a {@link SystemCallError} when it is negative. */
export function checked(call: string, result: number | bigint): number {
  const value = Number(result);
  if (value < 0) throw new SystemCallError(call, lastErrno());
  return value;
}

/** Text as C has it, with a zero at its end. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** Whether the layouts this plugin writes by hand are those of the machine. */
export function layoutsKnown(): boolean {
  return Deno.build.os === "linux" &&
    (Deno.build.arch === "x86_64" || Deno.build.arch === "aarch64");
}
