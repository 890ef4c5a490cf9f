/** Colours of a report; {@link PLAIN} has none. Colour never carries meaning alone. */
export interface Palette {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  dim(text: string): string;
  strong(text: string): string;
}

const same = (text: string): string => text;

/** For files, pipes and NO_COLOR. */
export const PLAIN: Palette = {
  good: same,
  bad: same,
  warn: same,
  dim: same,
  strong: same,
};

function code(open: number, close: number): (text: string) => string {
  return (text) => `\x1b[${open}m${text}\x1b[${close}m`;
}

/** For terminals (ECMA-48 SGR). */
export const ANSI: Palette = {
  good: code(32, 39),
  bad: code(31, 39),
  warn: code(33, 39),
  dim: code(2, 22),
  strong: code(1, 22),
};
