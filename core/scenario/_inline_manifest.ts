import type { ObjectSource } from "../cluster/model.ts";

/**
 * An object as JSON text in which its parts stand on the lines and, where
 * there is room, in the columns in which they were written in the scenario, so
 * that what is said of the text is true of the scenario.
 */
export function inlineManifest(value: unknown, source: ObjectSource): string {
  const writer = new PlacedWriter();
  writer.moveTo(source.line, source.column);
  writeValue(value, { writer, source, path: "" });
  return writer.text;
}

class PlacedWriter {
  text = "";
  #line = 1;
  #column = 1;

  /** Goes on to a place, unless it is past it. */
  moveTo(line: number, column: number): void {
    while (this.#line < line) {
      this.text += "\n";
      this.#line++;
      this.#column = 1;
    }
    if (this.#line > line || this.#column >= column) return;
    this.text += " ".repeat(column - this.#column);
    this.#column = column;
  }

  write(text: string): void {
    this.text += text;
    this.#column += text.length;
  }
}

interface Placing {
  readonly writer: PlacedWriter;
  readonly source: ObjectSource;
  /** Of the value in its object, dotted. */
  readonly path: string;
}

function writeValue(value: unknown, placing: Placing): void {
  const { writer, source, path } = placing;
  if (typeof value !== "object" || value === null) {
    return writer.write(JSON.stringify(value));
  }
  const isList = Array.isArray(value);
  writer.write(isList ? "[" : "{");
  for (const [index, [key, part]] of Object.entries(value).entries()) {
    if (index > 0) writer.write(",");
    const partPath = path === "" ? key : `${path}.${key}`;
    const [line, column] = (source.parts?.[partPath] ?? "0:0").split(":");
    writer.moveTo(Number(line), Number(column));
    if (!isList) writer.write(`${JSON.stringify(key)}:`);
    writeValue(part, { ...placing, path: partPath });
  }
  writer.write(isList ? "]" : "}");
}
