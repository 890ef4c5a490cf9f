import { assertEquals } from "@std/assert";
import { watch } from "./_watch.ts";

Deno.test("watch() runs again when a file that was read changes, also one put in its place", async () => {
  const directory = Deno.makeTempDirSync();
  const file = `${directory}/a.yaml`;
  const stop = new AbortController();
  try {
    Deno.writeTextFileSync(file, "first");
    const seen: string[] = [];
    await watch(() => {
      seen.push(Deno.readTextFileSync(file));
      if (seen.length === 1) {
        // After the run, as an editor does: a file of its own, moved over.
        setTimeout(() => {
          Deno.writeTextFileSync(`${directory}/.new`, "second");
          Deno.renameSync(`${directory}/.new`, file);
        }, 50);
      } else if (seen.at(-1) === "second") {
        setTimeout(() => Deno.writeTextFileSync(file, "third"), 50);
      } else if (seen.at(-1) === "third") stop.abort();
      return Promise.resolve([file, `${directory}/gone.yaml`]);
    }, stop.signal);
    assertEquals([...new Set(seen)], ["first", "second", "third"]);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("watch() ends while it waits", async () => {
  const file = Deno.makeTempFileSync();
  const stop = new AbortController();
  try {
    let runs = 0;
    await watch(() => {
      runs++;
      setTimeout(() => stop.abort(), 50);
      return Promise.resolve([file]);
    }, stop.signal);
    assertEquals(runs >= 1, true);
  } finally {
    Deno.removeSync(file);
  }
});

Deno.test("watch() waits for a file that is not there yet, and hears nothing of hidden ones", async () => {
  const directory = Deno.makeTempDirSync();
  const stop = new AbortController();
  try {
    let runs = 0;
    await watch(() => {
      runs++;
      if (runs === 1) {
        setTimeout(() => {
          Deno.mkdirSync(`${directory}/.runs`);
          Deno.writeTextFileSync(`${directory}/.runs/log`, "");
        }, 20);
        setTimeout(() => {
          Deno.writeTextFileSync(`${directory}/late.yaml`, "");
        }, 300);
        return Promise.resolve([directory, `${directory}/late.yaml`]);
      }
      stop.abort();
      return Promise.resolve([directory]);
    }, stop.signal);
    assertEquals(runs, 2);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
