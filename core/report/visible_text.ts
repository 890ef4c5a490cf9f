/**
 * Text from an input, safe to show: control characters (C1 too, which JSON
 * leaves as they are), marks that turn the direction of writing and such as
 * cannot be seen are shown as escapes. Line feeds and tabs stay.
 */
export function visibleLines(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]/g,
    (character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The same on one line: line breaks and tabs are shown as spaces. */
export function visibleText(text: string): string {
  return visibleLines(text.replace(/[\r\n\t]+/g, " "));
}
