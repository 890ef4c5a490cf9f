import { assert, assertEquals, assertThrows } from "@std/assert";
import { parse, parseAll, parseDocuments, stringify } from "./_yaml.ts";
import { InputError, type Problem } from "./errors.ts";
import { LIMITS } from "./limits.ts";

function problemsIn(text: string, file = "a.yaml"): readonly Problem[] {
  const read = () => parseDocuments(text, { file });
  return assertThrows(read, InputError).problems;
}

Deno.test("parseDocuments() gives every entry and item its position", () => {
  const text = "# web\nspec:\n  ports:\n  - port: 80\n    name: http\n";
  const [document] = parseDocuments(text, { file: "a.yaml" });
  assertEquals(document?.value, {
    spec: { ports: [{ port: 80, name: "http" }] },
  });
  assertEquals(document?.parts(document.value as object), {
    "spec": "2:1",
    "spec.ports": "3:3",
    "spec.ports.0": "4:5",
    "spec.ports.0.port": "4:5",
    "spec.ports.0.name": "5:5",
  });
  assertEquals(document?.at(["spec", "ports", 0, "name"]), {
    file: "a.yaml",
    line: 5,
    column: 5,
  });
});

Deno.test("parseDocuments() places a missing part at the nearest one there is", () => {
  const [document] = parseDocuments("a:\n  b: 1\n", { file: "a.yaml" });
  assertEquals(document?.at(["a", "c", 3]).line, 1);
  assertEquals(document?.at([]), { file: "a.yaml", line: 1, column: 1 });
});

Deno.test("parseDocuments() reads several documents, flow style and JSON with the same positions", () => {
  const documents = parseDocuments(
    "---\na: {b: [1, x]}\n---\n# nothing\n---\nc: 2\n",
    { file: "a.yaml" },
  );
  assertEquals(documents.map(({ value }) => value), [
    { a: { b: [1, "x"] } },
    null,
    { c: 2 },
  ]);
  assertEquals(documents[0]?.at(["a", "b", 1]).column, 12);
  const text = '{"a": {"b": [1, "x"]}}\n{"c": 2}';
  const json = parseDocuments(text, { file: "a.json" });
  assertEquals(json.map(({ value }) => value), [
    { a: { b: [1, "x"] } },
    { c: 2 },
  ]);
  assertEquals(json[0]?.at(["a", "b", 1]).column, 17);
  assertEquals(json[1]?.at(["c"]), { file: "a.json", line: 2, column: 2 });
});

Deno.test("parseDocuments() keeps the types that kubectl keeps", () => {
  const text = [
    'quoted: "80"',
    "number: 80",
    "yes: yes",
    "on: on",
    "null: ~",
    "hash: 12e4567",
    "date: 2024-01-02",
    "octal: 0o17",
    "float: 1.5",
    "80: port",
    "multi: |",
    "  a",
    "   b",
    "",
    "folded: >-",
    "  a",
    "  b",
  ].join("\n");
  assertEquals(parse(text), {
    80: "port",
    quoted: "80",
    number: 80,
    yes: "yes",
    on: "on",
    null: null,
    hash: "12e4567",
    date: "2024-01-02",
    octal: 15,
    float: 1.5,
    multi: "a\n b\n",
    folded: "a b",
  });
});

Deno.test("parseDocuments() resolves aliases and merge keys, own keys first", () => {
  const text = "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\nz: *x\n";
  const [document] = parseDocuments(text, { file: "a.yaml" });
  assertEquals(document?.value, {
    x: { a: 1, b: 2 },
    y: { b: 3, a: 1 },
    z: { a: 1, b: 2 },
  });
  assertEquals(document?.at(["y", "a"]).line, 1);
});

Deno.test("parseDocuments() reports every problem of a file at once, with its line", () => {
  const problems = problemsIn(
    "a: 1\na: 2\n---\nb:\n\t- c\n---\nd: [1, 2\n---\ne: .nan\n",
  );
  const lines = problems.map(({ at, message }) => `${at.line} ${message}`);
  assert(lines.includes("2 Cannot read YAML: the key a is given twice"));
  assert(lines.some((line) => line.startsWith("5 ") && /tab/i.test(line)));
  assert(lines.some((line) => line.startsWith("9 ") && /nan/.test(line)));
  assertEquals(problems[0]?.excerpt, "a: 2");
  assertEquals(problems[0]?.expected, "one entry; the other is in line 1");
});

Deno.test("parseDocuments() says what a template is", () => {
  for (
    const text of ["a: {{ .Values.a }}\n", "{{- range .A }}\n- a\n{{ end }}\n"]
  ) {
    const [problem] = problemsIn(text);
    assert(problem?.expected?.includes("templates are filled in"));
  }
});

Deno.test("parseDocuments() never shows a line of a file with a Secret", () => {
  const texts = [
    "kind: Secret\ndata: {password: aHVudGVyMg==\n",
    "kind: Secret\ndata:\n  password: x\n}aHVudGVyMg==\n",
    'kind: Secret\nstringData:\n  password: "aHVudGVyMg==\n',
    "kind: Secret\ndata:\n  a: b\n'aHVudGVyMg==' x\n",
  ];
  for (const problem of texts.flatMap((text) => problemsIn(text))) {
    assertEquals(problem.excerpt, undefined);
    assert(!problem.message.includes("aHVudGVyMg"), problem.message);
  }
});

Deno.test("parseDocuments() stops alias bombs", () => {
  const laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 10; level++) {
    const aliases = Array(10).fill(`*a${level - 1}`).join(", ");
    laughs.push(`a${level}: &a${level} [${aliases}]`);
  }
  const [problem] = problemsIn(laughs.join("\n"));
  assertEquals(
    problem?.message,
    "Cannot read YAML: its aliases stand for too much",
  );
  const long = `a: &a [${"x, ".repeat(34_000)}]\nb: [*a, *a, *a]\n`;
  assertEquals(problemsIn(long).length, 1);
  assert(/itself/.test(problemsIn("a: &a [*a]\n")[0]!.message));
  assert(/no anchor|alias/i.test(problemsIn("a: *b\n")[0]!.message));
});

Deno.test("parseDocuments() bounds nesting in every style", () => {
  const depth = LIMITS.documentDepth + 5;
  const block = Array.from({ length: depth }, (_, i) => `${" ".repeat(i)}a:`);
  const texts = [
    "[".repeat(depth) + "]".repeat(depth),
    "x: " + "{a: ".repeat(depth) + "}".repeat(depth),
    "[".repeat(200_000),
    "x: " + "[".repeat(200_000),
    "- ".repeat(100_000) + "a",
    "? ".repeat(100_000),
    block.join("\n"),
  ];
  for (const text of texts) {
    const [problem] = problemsIn(text);
    assert(/deep/.test(problem!.message), problem!.message);
  }
  assert(/deep/.test(problemsIn("[".repeat(300), "a.json")[0]!.message));
});

Deno.test("parseDocuments() refuses keys that are no names", () => {
  assert(/single word/.test(problemsIn("? [a]\n: b\n")[0]!.message));
  assert(/__proto__/.test(problemsIn("__proto__: {a: 1}\n")[0]!.message));
  const json = '{"__proto__": {"a": 1}}';
  assert(/__proto__/.test(problemsIn(json, "a.json")[0]!.message));
  assertEquals(
    problemsIn('{"a": 1,\n "a": 2}', "a.json")[0]?.at,
    { file: "a.json", line: 2, column: 2 },
  );
});

Deno.test("parseDocuments() says where JSON breaks", () => {
  const [problem] = problemsIn('{"a": [1,\n  2\n', "a.json");
  assertEquals(problem?.message, "Cannot read JSON: a comma or ] is missing");
  assertEquals(problem?.at.line, 3);
});

Deno.test("parseDocuments() takes a byte order mark and Windows line ends", () => {
  const bom = "\ufeffa: 1\r\nb:\r\n  - c\r\n";
  const [document] = parseDocuments(bom, { file: "a.yaml" });
  assertEquals(document?.value, { a: 1, b: ["c"] });
  assertEquals(parseDocuments('\ufeff{"a": 1}', { file: "a" }).length, 1);
});

Deno.test("parse() and parseAll() have the ways of @std/yaml", () => {
  assertEquals(parse(""), null);
  assertEquals(parse("a: [1]"), { a: [1] });
  assertEquals(parseAll("a: 1\n---\nb: 2"), [{ a: 1 }, { b: 2 }]);
  assertThrows(() => parse("a: 1\n---\nb: 2"), SyntaxError);
});

Deno.test("stringify() writes what parse() reads", () => {
  const value = { b: ["x", "80", 80, null], a: { c: "multi\nline\n", d: {} } };
  assertEquals(parse(stringify(value)), value);
  assertEquals(stringify({ b: 1, a: 2 }, { sortKeys: true }), "a: 2\nb: 1\n");
});
