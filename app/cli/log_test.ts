import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { openFileLog } from "../store/file_log.ts";

Deno.test("log verify says what is in a whole log", async () => {
  await withLog(async (path) => {
    const { code, stdout, stderr } = await run("verify", path);
    assertEquals([code, stderr], [0, ""]);
    const lines = stdout.split("\n");
    assertEquals(lines[0], `${path}: whole`);
    assertMatch(lines[1]!, /^ {2}run {5}[0-9a-f]{64}$/);
    assertEquals(lines[2], `  header  {"scenario":"shop"}`);
    assertEquals(lines[3], "  events  120 in 2 blocks");
    assertEquals(lines[5], "  end     closed, with an index");
  });
});

Deno.test("log verify names file, block and byte of damage, and changes nothing", async () => {
  await withLog(async (path) => {
    const bytes = Deno.readFileSync(path);
    bytes[200]! ^= 1;
    Deno.writeFileSync(path, bytes);
    const { code, stdout, stderr } = await run("verify", path);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(
      stderr,
      `error: ${path}:1:39: Cannot read block 1 at byte 38: its bytes are`,
    );
    assertStringIncludes(stderr, "restore the file from a copy");
    assertEquals(Deno.readFileSync(path), bytes);
  });
});

Deno.test("log verify reports a torn tail and a newer version", async () => {
  await withLog(async (path) => {
    const bytes = Deno.readFileSync(path);
    Deno.writeFileSync(path, bytes.subarray(0, bytes.length - 150));
    const torn = await run("verify", path);
    assertEquals(torn.code, 0);
    assertStringIncludes(torn.stdout, "  events  100 in 1 blocks\n");
    assertStringIncludes(torn.stdout, "  end     in an unfinished block");
    bytes[9] = 2;
    Deno.writeFileSync(path, bytes);
    const newer = await run("verify", path);
    assertEquals(newer.code, 2);
    assertStringIncludes(newer.stderr, "it has format version 2, a newer one");
  });
});

Deno.test("log show prints one event a line that fits a page", async () => {
  await withLog(async (path) => {
    const { code, stdout, stderr } = await run("show", path);
    assertEquals(code, 0);
    const lines = stdout.trimEnd().split("\n");
    assertEquals(lines.length, 100);
    assertEquals(
      lines[1],
      `      1   0.000000010s  flow.closed        {"flow":"f1","note":"\\u009b31m` +
        `${"x".repeat(26)}…`,
    );
    for (const line of lines) assertEquals(line.length <= 100, true);
    assertEquals(stderr, "… more from --from 100 on, or --limit N\n");
  });
});

Deno.test("log show selects by position, number and type", async () => {
  await withLog(async (path) => {
    const { stdout } = await run(
      ...["show", path, "--from", "98", "--limit", "2", "--type"],
      ...["flow.closed", "--json"],
    );
    const events = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(events.map((event) => event.position), [99, 101]);
    assertEquals(events[0], someEvent(99));
    const all = await run("show", path, "--json");
    assertEquals(all.stdout.trimEnd().split("\n").length, 120);
    const near = await run("show", path, "--type", "flow.close");
    assertEquals(near.code, 0);
    assertStringIncludes(near.stderr, "did you mean flow.closed?");
    const beyond = await run("show", path, "--from", "120");
    assertStringIncludes(beyond.stderr, "the log ends at 120");
  });
});

Deno.test("log exits with 2 and says why when it is called wrongly", async () => {
  await withLog(async (path) => {
    const cases: [string[], string][] = [
      [[], "it takes a command and a FILE"],
      [["show"], "it takes a command and a FILE"],
      [["peel", path], "Cannot run log peel: no such command"],
      [["show", path, "--from", "-1"], "--from"],
      [["show", path, "--limit", "many"], "--limit many: it is no whole"],
      [["show", path, "--colour"], "Unknown option '--colour'"],
      [["show", `${path}x`], `Cannot open log ${path}x: there is no such`],
      [["verify", new URL(import.meta.url).pathname], "not a Plumbline log"],
    ];
    for (const [args, part] of cases) {
      const { code, stdout, stderr } = await run(...args);
      assertEquals([code, stdout], [2, ""], args.join(" "));
      assertStringIncludes(stderr, part);
      assertEquals(stderr.includes("\x1b"), false);
    }
  });
});

function someEvent(position: number) {
  return {
    type: position % 2 === 0 ? "flow.opened" : "flow.closed",
    version: 1,
    position,
    timeNs: position * 10,
    // A terminal would take U+009B for the start of an escape sequence.
    data: { flow: `f${position}`, note: "\u009b31m" + "x".repeat(100) },
  };
}

async function withLog(test: (path: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "plumbline-" });
  const path = `${folder}/run.dplog`;
  try {
    {
      using log = openFileLog(path, { scenario: "shop" });
      log.append(Array.from({ length: 100 }, (_, index) => someEvent(index)));
      log.append(
        Array.from({ length: 20 }, (_, index) => someEvent(100 + index)),
      );
    }
    await test(path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function run(...args: string[]) {
  const program = new URL("./log.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-read", program, ...args],
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}
