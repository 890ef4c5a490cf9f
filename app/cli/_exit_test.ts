import { assertEquals, assertStringIncludes } from "@std/assert";
import { printable } from "./_exit.ts";

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

Deno.test("printable() shows what would command a terminal", () => {
  assertEquals(
    printable("a\x1b[2J\u009b31m\u202eb\tc\nd\x7f"),
    "a\\u001b[2J\\u009b31m\\u202eb\tc\nd\\u007f",
  );
  assertEquals(printable("Zoë 日本 😀"), "Zoë 日本 😀");
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
