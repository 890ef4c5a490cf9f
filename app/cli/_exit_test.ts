import { assertEquals, assertStringIncludes } from "@std/assert";

Deno.test("runMain() exits with what the command returns", async () => {
  assertEquals(await run(`() => 0`), { code: 0, stderr: "" });
  assertEquals(await run(`async () => 1`), { code: 1, stderr: "" });
});

Deno.test("runMain() prints every problem of an input and exits with 2", async () => {
  const { code, stderr } = await run(`() => {
    const at = { file: "a.yaml", line: 2, column: 3 };
    throw new InputError([{ message: "Cannot read A: no", at }, {
      message: "Cannot read B: no", at, expected: "B" }]);
  }`);
  assertEquals(code, 2);
  assertEquals(
    stderr,
    "error: a.yaml:2:3: Cannot read A: no\n" +
      "a.yaml:2:3: Cannot read B: no\n  expected: B\n",
  );
});

Deno.test("runMain() prints the stack of anything else and exits with 3", async () => {
  const { code, stderr } = await run(`() => { throw new Error("lost") }`);
  assertEquals(code, 3);
  assertStringIncludes(stderr, "internal error: Error: lost\n    at ");
  assertEquals((await run(`() => { throw "text" }`)).code, 3);
});

async function run(main: string) {
  const [exit, errors] = ["./_exit.ts", "../../core/errors.ts"].map((path) =>
    new URL(path, import.meta.url).href
  );
  const program = `import { runMain } from "${exit}";
    import { InputError } from "${errors}";
    void InputError;
    await runMain(${main});`;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--ext=ts", program],
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("runMain() says which permission is missing, and how to give it", async () => {
  const run = async (...args: string[]) => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        "--no-check",
        "--allow-env=LOG_TOKENS,LOG_STREAM",
        ...args,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    return [code, new TextDecoder().decode(stderr)] as const;
  };
  const script = new URL("./scenario.ts", import.meta.url).pathname;
  const [code, text] = await run(script, "some/path");
  assertEquals(code, 2);
  assertStringIncludes(
    text,
    "error: Cannot go on: Deno was not allowed read access to",
  );
  assertStringIncludes(
    text,
    "deno run --allow-read --allow-env=LOG_TOKENS,LOG_STREAM app/cli/scenario.ts some/path",
  );
  const [written, hint] = await run("--allow-read", script, "--record", "out");
  assertEquals(written, 2);
  assertStringIncludes(hint, "--allow-write=out app/cli/scenario.ts");
});
