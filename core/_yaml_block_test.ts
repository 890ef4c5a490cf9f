import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { readBlocks } from "./_yaml_block.ts";
import type { EntryOffsets } from "./_yaml_json.ts";
import { readAnyYaml } from "./_yaml_package.ts";
import { SourceText } from "./_yaml_text.ts";
import { InputError } from "./errors.ts";

/** Values and the offsets of all their parts, as text. */
function readingText(
  values: readonly { readonly value: unknown; readonly offset: number }[],
  offsets: EntryOffsets,
): string {
  const lines: string[] = [];
  const visit = (value: unknown, path: string) => {
    if (typeof value !== "object" || value === null) {
      lines.push(`${path} = ${JSON.stringify(value)}`);
      return;
    }
    const entries = offsets.get(value)!;
    for (const [key, part] of Object.entries(value)) {
      const at = Array.isArray(entries) ? entries[+key] : entries.get(key);
      visit(part, `${path}/${key}@${at}`);
    }
    lines.push(`${path} ${Array.isArray(value) ? "list" : "mapping"}`);
  };
  for (const { value, offset } of values) {
    // Where nothing stands is told apart by nobody.
    visit(value, value === null ? "" : `@${offset}`);
  }
  return lines.join("\n");
}

/** Whether the quick reader read the text; where it did, the package agrees. */
function agrees(text: string): boolean {
  const offsets: EntryOffsets = new WeakMap();
  const quick = readBlocks(text, offsets);
  if (quick.values === null) return false;
  const full: EntryOffsets = new WeakMap();
  let expected: string;
  try {
    const source = new SourceText("a.yaml", text);
    const { values, problems } = readAnyYaml(source, full);
    if (problems.length > 0) throw new InputError(problems);
    expected = readingText(values, full);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expected = error.message;
  }
  assertEquals(readingText(quick.values, offsets), expected, text);
  return true;
}

Deno.test("readBlocks() reads what kubectl writes", () => {
  const texts = [
    "apiVersion: v1\nitems:\n- a: 1\n  b:\n  - c: x\n  - d\nkind: List\n",
    "metadata:\n  annotations:\n    last: |\n      {\"a\": 1}\n    b: ''\n",
    "message: a long text that\n  goes on\n  and on\nx: 'it''s\n  two lines'\n",
    'a: "80"\nb: "x\\ny"\nc: {}\nd: []\ne:\nf: -1\ng: 1.5e3\n',
    "a: '{\"b\": 1}\n\n  '\nc: 'x\n\n\n  # y\n  z'\nd: '\n  '\n",
    "---\na: 1\n---\n---\nb: 2\n",
    "# a comment\n\na: 1\n\n  # another\nb:\n  c: 2\n",
    "- a\n- b: 1\n  c: 2\n-\n  d: 3\n",
    "f:metadata:\n  f:labels: {}\nurl: http://a:80/b?c=d#e\n",
    "a: |-\n  x\n\n   y\n\nb: 1\n",
  ];
  for (const text of texts) assert(agrees(text), text);
});

Deno.test("readBlocks() leaves everything else to the package", () => {
  const texts = [
    "a: [1, 2]\n",
    "a: &x 1\nb: *x\n",
    "a: !!str 1\n",
    "a: >\n  folded\n",
    "a:\n\t- b\n",
    "a: 1\na: 2\n",
    "a: b: c\n",
    "a: 1 # why\n",
    "80: a\n",
    "? a\n: b\n",
    "a: 0x1f\n",
    "a: .nan\n",
    "a\n",
    "a: 1\n b: 2\n",
    "a: 1\r\nb: 2\r\n",
    "__proto__: 1\n",
    "a: 'x\ny'\n",
    "a: 'x\n",
    "a: 'x' y\n",
    "--- a\n",
    "%YAML 1.2\n---\na: 1\n",
  ];
  for (const text of texts) assert(!agrees(text), text);
});

const line = fc.tuple(
  fc.nat(4),
  fc.constantFrom("", "- ", "- - ", "a: ", "b:", "- a: ", '"c d": ', "---"),
  fc.constantFrom(
    ...["", "x", "80", "'y'", '"z"', "|", "|-", "{}", "# no", "x: y", "null"],
    ...["a b", "-", "1e3", "'", "it's", "yes", "[]", "...", "~", "'a''b'"],
  ),
);

Deno.test("readBlocks() agrees with the package on whatever it reads", () => {
  const texts = fc.array(line, { maxLength: 8 }).map((lines) =>
    lines.map(([indent, start, rest]) => " ".repeat(indent) + start + rest)
      .join("\n")
  );
  fc.assert(
    fc.property(texts, (text) => {
      agrees(text);
    }),
    { numRuns: 10_000, seed: 1 },
  );
});
