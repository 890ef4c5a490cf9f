/** One word of a rule line, with the column where it begins. */
export interface Word {
  readonly text: string;
  readonly column: number;
  readonly quoted: boolean;
}

/** What was wrong with a line before its words could be told apart. */
export interface UnclosedQuote {
  readonly column: number;
}

/**
 * Splits a line as iptables-restore does (iptables/xshared.c,
 * `add_param_to_argv`): blanks separate, double quotes hold together, and
 * within them a backslash takes the next character as it is.
 */
export function splitWords(line: string): readonly Word[] | UnclosedQuote {
  const words: Word[] = [];
  let index = 0;
  while (index < line.length) {
    const code = line.charCodeAt(index);
    if (code === 32 || code === 9) {
      index++;
      continue;
    }
    const start = index;
    let text = "";
    let quoted = false;
    let open = -1;
    for (; index < line.length; index++) {
      const char = line[index]!;
      if (open >= 0) {
        if (char === "\\" && index + 1 < line.length) {
          text += line[++index];
        } else if (char === '"') {
          open = -1;
        } else {
          text += char;
        }
      } else if (char === '"') {
        open = index;
        quoted = true;
      } else if (char === " " || char === "\t") {
        break;
      } else {
        text += char;
      }
    }
    if (open >= 0) return { column: open + 1 };
    words.push({ text, column: start + 1, quoted });
  }
  return words;
}

/**
 * Writes a word so that it is read back as it was (libxtables/xtables.c,
 * `xtables_save_string`).
 */
export function quoteWord(text: string): string {
  if (/^[-_0-9A-Za-z]+$/.test(text)) return text;
  return `"${text.replace(/["\\']/g, "\\$&")}"`;
}
