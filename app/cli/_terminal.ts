import { ANSI, type Palette, PLAIN } from "../../core/report/palette.ts";
import { visibleLines } from "../../core/report/visible_text.ts";

/** Colours where stdout is a terminal and no one asked for none. */
export function stdoutPalette(): Palette {
  return Deno.stdout.isTerminal() && !Deno.noColor ? ANSI : PLAIN;
}

/** Text with what inputs hold made safe for a terminal; the codes of {@link ANSI} stay. */
export function safeText(text: string): string {
  return text
    // deno-lint-ignore no-control-regex
    .split(/(\x1b\[(?:[12]|22|3[1239])m)/)
    .map((part, index) => index % 2 === 1 ? part : visibleLines(part))
    .join("");
}

/** `1 flow`, `2 flows`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A line on stderr that says how far long work is; nothing where it is no terminal. */
export class Progress {
  readonly #shown = Deno.stderr.isTerminal();

  show(text: string): void {
    this.#write(`\r\x1b[2K${text.slice(0, 100)}`);
  }

  /** Takes the line away. */
  done(): void {
    this.#write("\r\x1b[2K");
  }

  #write(text: string): void {
    if (this.#shown) Deno.stderr.writeSync(new TextEncoder().encode(text));
  }
}

/** Says how much was done, and how fast. */
export class Throughput {
  readonly #startMs = performance.now();

  /** `12000 flows, 41000/s`. */
  text(count: number, noun: string): string {
    const seconds = (performance.now() - this.#startMs) / 1000;
    const rate = seconds < 0.1 ? "" : `, ${Math.round(count / seconds)}/s`;
    return `${counted(count, noun)}${rate}`;
  }
}
