import { searchedBytes } from "../../core/import/searched_bytes.ts";
import {
  doubtful,
  type MatchCompiler,
  optionValue,
  otherOption,
} from "./match_compiler.ts";
import { PacketImage } from "./packet_image.ts";

const OPTIONS = new Set([
  ...["string", "hex-string", "algo", "from", "to", "icase"],
]);

/**
 * net/netfilter/xt_string.c: looked for from the IP header on, and found only
 * where it ends by `--to`.
 */
export const string: MatchCompiler = (match) => {
  const other = otherOption(match, OPTIONS);
  if (other !== undefined) {
    return { unknown: `option --${other.name} of match string` };
  }
  const option = match.options.find(({ name }) => /string$/.test(name));
  const wanted = option === undefined ? undefined : searchedBytes(option);
  if (wanted === undefined) return { unknown: "match string without a string" };
  const given = (name: string) => optionValue(match, name);
  const from = Number(given("from") ?? 0);
  const to = Number(given("to") ?? 0xffff);
  const folds = match.options.some(({ name }) => name === "icase");
  const pattern = folds ? wanted.map(lowerCase) : wanted;
  return doubtful((packet) => {
    const bytes = PacketImage.of(packet).whole;
    if (bytes === null) return undefined;
    const text = bytes.subarray(from, to);
    const found = isIn(folds ? text.map(lowerCase) : text, pattern);
    return found !== option!.negated;
  }, "the payload that match string looks into");
};

function lowerCase(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}

function isIn(text: Uint8Array, pattern: Uint8Array): boolean {
  const last = text.length - pattern.length;
  for (let start = 0; start <= last; start++) {
    let same = 0;
    while (same < pattern.length && text[start + same] === pattern[same]) {
      same++;
    }
    if (same === pattern.length) return true;
  }
  return false;
}
