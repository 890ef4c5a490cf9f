import { join } from "node:path";
import { SourceText } from "../../../core/_yaml_text.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { MissingError, type RunPlace } from "../protocol.ts";
import type { SourceLines } from "../schemas.ts";
import { filesOf, type OpenRequest } from "./open_scenario.ts";

/** Every file that a run is made from, by the name that rules give it. */
export function sourcesOf({ scenario }: OpenRequest): Record<string, string> {
  const files = filesOf(scenario).map(({ file, text }) => [file, text]);
  return Object.fromEntries([
    ...files,
    [scenario.source.file, scenario.text],
  ]);
}

/** Lines round one of a file of a run. Files are looked up among its own, never on the disk. */
export function sourceLines(
  { directory }: RunPlace,
  { file, line }: { readonly file: string; readonly line: number },
): SourceLines {
  const text = Deno.readTextFileSync(join(directory, "sources.json"));
  const sources = JSON.parse(text) as Record<string, string>;
  const source = Object.hasOwn(sources, file) ? sources[file] : undefined;
  if (source === undefined) {
    throw new MissingError(`the run was made from no file ${file}`);
  }
  const all = source.split("\n");
  if (line < 1 || line > all.length) {
    throw new MissingError(`${file} has no line ${line}`);
  }
  const [start, end] = documentAround(all, line);
  const first = Math.max(start, line - SERVER_LIMITS.sourceLines);
  const last = Math.min(end, line + SERVER_LIMITS.sourceLines);
  // A document that holds a Secret gives no excerpt.
  const shown = new SourceText(file, all.slice(start - 1, end).join("\n"));
  const lines: string[] = [];
  for (let one = first; one <= last; one++) {
    lines.push(shown.excerpt(one - start + 1) ?? "…");
  }
  return { file, firstLine: first, lines };
}

/** First and last line of the YAML document that a line is in. */
function documentAround(
  lines: readonly string[],
  line: number,
): [number, number] {
  const isStart = (one: number) => /^---(?:\s|$)/.test(lines[one - 1]!);
  let start = line;
  while (start > 1 && !isStart(start)) start--;
  let end = line;
  while (end < lines.length && !isStart(end + 1)) end++;
  return [start, end];
}
