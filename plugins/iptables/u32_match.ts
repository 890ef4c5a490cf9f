import { readU32, type U32Test } from "../../core/import/u32_expression.ts";
import { doubtful, type MatchCompiler } from "./match_compiler.ts";
import { type ImageWord, PacketImage } from "./packet_image.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** net/netfilter/xt_u32.c, `u32_match_it`. */
export const u32: MatchCompiler = ({ options }) => {
  const [option] = options;
  const tests = option?.name === "u32" && options.length === 1
    ? readU32(option.values[0]!)
    : undefined;
  if (tests === undefined) {
    return { unknown: "such an expression of match u32" };
  }
  const { negated } = option!;
  return doubtful((packet) => {
    const holds = allHold(tests, packet);
    return holds === undefined ? undefined : holds !== negated;
  }, "what match u32 reads of a packet");
};

function allHold(
  tests: readonly U32Test[],
  packet: TrackedPacket,
): boolean | undefined {
  const image = PacketImage.of(packet);
  let holds: boolean | undefined = true;
  for (const test of tests) {
    const one = testHolds(test, image);
    if (one === false) return false;
    if (one === undefined) holds = undefined;
  }
  return holds;
}

/** Undefined where bits that are not known would decide. */
function testHolds(
  { start, steps, ranges }: U32Test,
  image: PacketImage,
): boolean | undefined {
  let at = 0;
  let word: ImageWord | undefined = image.word(start, 4);
  if (word === undefined) return false;
  for (const { operator, number } of steps) {
    const { value, unknown } = word as ImageWord;
    switch (operator) {
      case "&":
        word = {
          value: (value & number) >>> 0,
          unknown: (unknown & number) >>> 0,
        };
        break;
      case "<<":
        word = {
          value: (value << number) >>> 0,
          unknown: (unknown << number) >>> 0,
        };
        break;
      case ">>":
        word = { value: value >>> number, unknown: unknown >>> number };
        break;
      case "@": {
        if (unknown !== 0) return undefined;
        at += value;
        word = image.word(at + number, 4);
        if (word === undefined) return false;
      }
    }
  }
  if (word.unknown !== 0) return undefined;
  const { value } = word;
  return ranges.some(([from, to]) => from <= value && value <= to);
}
