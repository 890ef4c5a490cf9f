import { assert, assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { readManifests } from "./manifests.ts";

function withDirectory(
  files: Readonly<Record<string, string | Uint8Array>>,
  run: (path: string) => void,
): void {
  const directory = Deno.makeTempDirSync();
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = `${directory}/${name}`;
      Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      const bytes = typeof content === "string"
        ? new TextEncoder().encode(content)
        : content;
      Deno.writeFileSync(path, bytes);
    }
    run(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("readManifests() reads directories in order of their paths, manifests only", () => {
  const files = {
    "b.yaml": "b",
    "a.yml": "a",
    "sub/c.json": "c",
    "README.md": "no",
    ".git/d.yaml": "no",
    ".hidden.yaml": "no",
  };
  withDirectory(files, (directory) => {
    const expected = [
      { file: `${directory}/a.yml`, text: "a" },
      { file: `${directory}/b.yaml`, text: "b" },
      { file: `${directory}/sub/c.json`, text: "c" },
    ];
    assertEquals(readManifests([directory]), expected);
    assertEquals(readManifests([`${directory}/`, directory]), expected);
  });
});

Deno.test("readManifests() reads a named file whatever its ending", () => {
  withDirectory({ "dump": "a: 1" }, (directory) => {
    const file = `${directory}/dump`;
    assertEquals(readManifests([file]), [{ file, text: "a: 1" }]);
  });
});

Deno.test("readManifests() follows links to files, not to directories", () => {
  withDirectory({ "real/a.yaml": "a", "in/b.yaml": "b" }, (directory) => {
    Deno.symlinkSync(`${directory}/real/a.yaml`, `${directory}/in/link.yaml`);
    Deno.symlinkSync(directory, `${directory}/in/circle`);
    const names = readManifests([`${directory}/in`]).map(({ file }) => file);
    assertEquals(names, [
      `${directory}/in/b.yaml`,
      `${directory}/in/link.yaml`,
    ]);
  });
});

Deno.test("readManifests() says of every path what is wrong with it", () => {
  const files = {
    "empty/readme": "",
    "bytes.yaml": new Uint8Array([255, 254]),
  };
  withDirectory(files, (directory) => {
    const missing = ["none.yaml", "empty"].map((name) =>
      `${directory}/${name}`
    );
    const error = assertThrows(() => readManifests(missing), InputError);
    assertEquals(error.problems.map(({ message }) => message), [
      `Cannot read ${missing[0]}: it does not exist`,
      `Cannot read ${missing[1]}: the directory has no manifests`,
    ]);
    const bytes = `${directory}/bytes.yaml`;
    const binary = assertThrows(() => readManifests([bytes]), InputError);
    assertEquals(binary.problems[0]?.expected, "YAML or JSON in UTF-8");
  });
});

Deno.test("readManifests() reads standard input", async () => {
  const program = `
    import { readManifests } from ${
    JSON.stringify(import.meta.resolve("./manifests.ts"))
  };
    const text = JSON.stringify(readManifests(["-"]));
    Deno.stdout.writeSync(new TextEncoder().encode(text));
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("a: 1\n"));
  await writer.close();
  const { success, stdout } = await child.output();
  assert(success);
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), [
    { file: "stdin", text: "a: 1\n" },
  ]);
});
