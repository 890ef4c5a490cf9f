/**
 * Takes from a plugin's world whatever could make a replay differ from run to
 * run or reach outside: clocks, randomness, timers, workers, shared memory,
 * network, the runtime. Runs in the sandbox before the plugin is imported.
 */

const TIME = "time is context.nowNs";
const CHANCE = "draws are context.draw";
const OUTSIDE = "a plugin reaches nothing but its context";

const TAKEN: Readonly<Record<string, string>> = {
  Date: TIME,
  performance: TIME,
  Temporal: TIME,
  Intl: "compare and format by code unit",
  crypto: CHANCE,
  setTimeout: TIME,
  setInterval: TIME,
  setImmediate: TIME,
  queueMicrotask: TIME,
  WeakRef: "garbage collection differs from run to run",
  FinalizationRegistry: "garbage collection differs from run to run",
  SharedArrayBuffer: OUTSIDE,
  Atomics: OUTSIDE,
  Worker: OUTSIDE,
  BroadcastChannel: OUTSIDE,
  MessageChannel: OUTSIDE,
  fetch: OUTSIDE,
  WebSocket: OUTSIDE,
  EventSource: OUTSIDE,
  WebAssembly: OUTSIDE,
  Deno: OUTSIDE,
  process: OUTSIDE,
  Buffer: OUTSIDE,
  navigator: OUTSIDE,
  location: OUTSIDE,
  localStorage: OUTSIDE,
  sessionStorage: OUTSIDE,
  caches: OUTSIDE,
  alert: OUTSIDE,
  confirm: OUTSIDE,
  prompt: OUTSIDE,
  console: OUTSIDE,
};

/** Removes the globals and freezes what is left of the language. */
export function harden(): void {
  for (const [name, hint] of Object.entries(TAKEN)) {
    Object.defineProperty(globalThis, name, {
      configurable: false,
      enumerable: false,
      get(): never {
        throw new TypeError(`${name} is not there for plugins: ${hint}`);
      },
    });
  }
  Object.defineProperty(Math, "random", {
    value(): never {
      throw new TypeError(`Math.random is not there for plugins: ${CHANCE}`);
    },
  });
  // Localised text differs from machine to machine.
  for (
    const [prototype, name] of [
      [String.prototype, "localeCompare"],
      [String.prototype, "toLocaleLowerCase"],
      [String.prototype, "toLocaleUpperCase"],
      [Number.prototype, "toLocaleString"],
      [Array.prototype, "toLocaleString"],
      [BigInt.prototype, "toLocaleString"],
    ] as const
  ) Reflect.deleteProperty(prototype, name);
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!(name in TAKEN)) freeze(Reflect.get(globalThis, name));
  }
  const generator = Object.getPrototypeOf(function* () {});
  const iterator = Object.getPrototypeOf(
    Object.getPrototypeOf([][Symbol.iterator]()),
  );
  for (const value of [generator, generator.prototype, iterator]) freeze(value);
}

/** Freezes a built-in function and its prototype. */
function freeze(value: unknown): void {
  if (typeof value !== "function" && typeof value !== "object") return;
  if (value === null || value === globalThis) return;
  Object.freeze(value);
  if (typeof value === "function" && value.prototype) {
    Object.freeze(value.prototype);
  }
}
