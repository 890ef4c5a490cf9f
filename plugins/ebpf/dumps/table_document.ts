import { SourceText } from "../../../core/_yaml_text.ts";
import type { YamlDocument } from "../../../core/_yaml.ts";
import type { SourcePosition } from "../../../core/source.ts";

/** What a reader needs of a document, be it JSON or a table. */
export type DumpDocument = Pick<
  YamlDocument,
  "value" | "at" | "entryAt" | "problem"
>;

/** A key and its first value, three spaces or more between. */
const ROW = /^(\S+(?: {1,2}\S+)*) {3,}(\S.*)$/;
/** A further value of the key above. */
const MORE = /^ {3,}(\S.*)$/;
/** A headline, or what a sysdump writes over the output of a command. */
const PASSED_OVER = /^(?:#.*|\s*)$/;

/**
 * A table as the command line prints one without `-o json`: a headline, then
 * keys and their values in two columns. Read as the object that `-o json`
 * would have been.
 */
export function tableDocument(text: string, file: string): DumpDocument {
  const source = new SourceText(file, text);
  const value: Record<string, string[]> = Object.create(null);
  const places = new Map<string, SourcePosition>();
  let offset = 0;
  let headed = false;
  let last: string[] | null = null;
  for (const written of text.split("\n")) {
    const line = written.replace(/\s+$/, "");
    const at = offset;
    offset += written.length + 1;
    if (PASSED_OVER.test(line)) continue;
    if (!headed) {
      headed = true;
      continue;
    }
    const more = MORE.exec(line);
    if (more !== null && last !== null) {
      last.push(more[1]!);
      continue;
    }
    const [, key = line, first] = ROW.exec(line) ?? [];
    value[key] = last = first === undefined ? [] : [first];
    places.set(key, source.at(at));
  }
  return {
    value,
    at: () => source.at(0),
    entryAt: (holder, key) =>
      holder === value ? places.get(`${key}`) : undefined,
    problem: (at, about) => source.problem(at, about),
  };
}

/** Whether a dump is a table, by how it begins. */
export function isTable(text: string): boolean {
  return /^(?:#[^\n]{0,400}\n|\s){0,50}[A-Z]/.test(text.slice(0, 20_000));
}
