/**
 * Text from an input on one line, safe to show: control characters and marks
 * that turn the direction of writing are shown as escapes, line breaks as
 * spaces.
 */
export function visibleText(text: string): string {
  return text
    .replace(/[\r\n\t]+/g, " ")
    .replace(
      // deno-lint-ignore no-control-regex
      /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]/g,
      (character) =>
        `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
}
