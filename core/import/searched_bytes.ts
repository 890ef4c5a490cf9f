import type { RuleOption } from "./iptables_rules.ts";

/** XT_STRING_MAX_PATTERN_SIZE. */
const MOST_BYTES = 128;

/** The bytes that `--string` or `--hex-string` of the match string asks for; undefined when they cannot be. */
export function searchedBytes(
  { name, values }: Pick<RuleOption, "name" | "values">,
): Uint8Array | undefined {
  const [text = ""] = values;
  const bytes = name === "hex-string"
    ? hexBytes(text)
    : new TextEncoder().encode(text);
  return bytes !== undefined && bytes.length > 0 && bytes.length <= MOST_BYTES
    ? bytes
    : undefined;
}

/** `|0d 0a|Host`: between bars pairs of hexadecimal digits, elsewhere a backslash takes the next character as it is (libxt_string.c, `parse_hex_string`). */
function hexBytes(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (let at = 0; at < text.length;) {
    if (text[at] !== "|") {
      if (text[at] === "\\") at++;
      if (at === text.length) return undefined;
      bytes.push(...new TextEncoder().encode(text[at++]));
      continue;
    }
    const end = text.indexOf("|", at + 1);
    const digits = text.slice(at + 1, end).replace(/ /g, "");
    if (end < 0 || !/^([0-9a-fA-F]{2})*$/.test(digits)) return undefined;
    for (let pair = 0; pair < digits.length; pair += 2) {
      bytes.push(parseInt(digits.slice(pair, pair + 2), 16));
    }
    at = end + 1;
  }
  return Uint8Array.from(bytes);
}

/** The option as iptables-save prints it: in hexadecimal when a byte of it would not show. */
export function printedSearch(option: RuleOption): RuleOption {
  const bytes = searchedBytes(option);
  if (bytes === undefined) return option;
  const shows = bytes.at(-1) !== 0x5c &&
    bytes.every((byte) => byte >= 0x20 && byte < 0x7f && byte !== 0x7c);
  return shows
    ? { ...option, name: "string", values: [String.fromCharCode(...bytes)] }
    : {
      ...option,
      name: "hex-string",
      values: [
        `|${
          [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")
        }|`,
      ],
    };
}
