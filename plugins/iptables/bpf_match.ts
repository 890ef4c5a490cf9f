import { BPF, type BpfInstruction, readBpf } from "./bpf_program.ts";
import { doubtful, type MatchCompiler } from "./match_compiler.ts";
import { type ImageWord, PacketImage } from "./packet_image.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

const { class: CLASS, mode: MODE, jump: JUMP, x: FROM_X } = BPF;

/** Offsets of what is no part of the packet, and of its network header (include/uapi/linux/filter.h). */
const NETWORK_OFFSET = 0xfff0_0000;
const ANCILLARY_OFFSET = 0xffff_f000;
const ANCILLARY_MARK = 20;
const ALL_BITS = 0xffffffff;

/** net/netfilter/xt_bpf.c: what the program returns is not zero. */
export const bpf: MatchCompiler = ({ options }) => {
  const [option] = options;
  const program = option?.name === "bytecode" && options.length === 1
    ? readBpf(option.values[0]!)
    : undefined;
  return program === undefined
    ? { unknown: "such a program of match bpf" }
    : doubtful(
      (packet) => new Run(packet).of(program),
      "what the program of match bpf reads of a packet",
    );
};

const ZERO: ImageWord = { value: 0, unknown: 0 };

/** One run; values carry which of their bits are not known. */
class Run {
  readonly #packet: TrackedPacket;
  readonly #image: PacketImage;
  readonly #memory = new Array<ImageWord>(16).fill(ZERO);
  #a = ZERO;
  #x = ZERO;

  constructor(packet: TrackedPacket) {
    this.#packet = packet;
    this.#image = PacketImage.of(packet);
  }

  /** Undefined where bits that are not known would decide. Jumps lead forward, so it ends. */
  of(program: readonly BpfInstruction[]): boolean | undefined {
    for (let at = 0; at < program.length; at++) {
      const one = program[at]!;
      const { code, k } = one;
      switch (code & 7) {
        case CLASS.ld:
        case CLASS.ldx: {
          const word = this.#load(one);
          // Beyond the end of the packet the program ends, with 0.
          if (word === undefined) return false;
          if (word === "unknown") return undefined;
          if ((code & 7) === CLASS.ld) this.#a = word;
          else this.#x = word;
          break;
        }
        case CLASS.st:
          this.#memory[k] = this.#a;
          break;
        case CLASS.stx:
          this.#memory[k] = this.#x;
          break;
        case CLASS.alu: {
          const result = calculate(code & 0xf0, this.#a, this.#operand(one));
          if (result === undefined) return false;
          this.#a = result;
          break;
        }
        case CLASS.jmp: {
          const skipped = this.#jump(one);
          if (skipped === undefined) return undefined;
          at += skipped;
          break;
        }
        case CLASS.ret: {
          const result = (code & 0x18) === 0 ? constant(k) : this.#a;
          if (result.value !== 0) return true;
          return result.unknown === 0 ? false : undefined;
        }
        default:
          if ((code & 0xf8) === 0x80) this.#a = this.#x;
          else this.#x = this.#a;
      }
    }
    return undefined;
  }

  #operand({ code, k }: BpfInstruction): ImageWord {
    return (code & FROM_X) === 0 ? constant(k) : this.#x;
  }

  #load(
    { code, k }: BpfInstruction,
  ): ImageWord | "unknown" | undefined {
    const size = (code & 0x18) === 0 ? 4 : (code & 0x18) === 8 ? 2 : 1;
    switch (code & 0xe0) {
      case MODE.imm:
        return constant(k);
      case MODE.mem:
        return this.#memory[k]!;
      case MODE.len: {
        const { whole } = this.#image;
        return whole === null ? "unknown" : constant(whole.length);
      }
      case MODE.abs:
        return this.#read(k, size);
      case MODE.ind: {
        const { value, unknown } = this.#x;
        return unknown === 0 ? this.#read((value + k) >>> 0, size) : "unknown";
      }
      default: {
        // Four times the low half: the length of an IPv4 header.
        const word = this.#image.word(k, 1);
        return word === undefined ? undefined : {
          value: (word.value & 15) * 4,
          unknown: (word.unknown & 15) * 4,
        };
      }
    }
  }

  #read(
    offset: number,
    size: 1 | 2 | 4,
  ): ImageWord | "unknown" | undefined {
    if (offset < 0x8000_0000) return this.#image.word(offset, size);
    if (offset === ANCILLARY_OFFSET + ANCILLARY_MARK) {
      return constant(this.#packet.mark);
    }
    if (offset === ANCILLARY_OFFSET) {
      return constant(this.#packet.source.family === 4 ? 0x0800 : 0x86dd);
    }
    return offset >= NETWORK_OFFSET && offset < ANCILLARY_OFFSET
      ? this.#image.word(offset - NETWORK_OFFSET, size)
      : "unknown";
  }

  /** How many instructions are passed over. */
  #jump(one: BpfInstruction): number | undefined {
    const operation = one.code & 0xf0;
    if (operation === JUMP.always) return one.k;
    const { value: a, unknown } = this.#a;
    const { value: b, unknown: unknownOperand } = this.#operand(one);
    if (unknownOperand !== 0) return undefined;
    if (operation === JUMP.anyBit) {
      if ((a & b) !== 0) return one.jumpTrue;
      return (unknown & b) === 0 ? one.jumpFalse : undefined;
    }
    if (unknown !== 0) return undefined;
    const holds = operation === JUMP.equal
      ? a === b
      : operation === JUMP.greater
      ? a > b
      : a >= b;
    return holds ? one.jumpTrue : one.jumpFalse;
  }
}

function constant(value: number): ImageWord {
  return { value: value >>> 0, unknown: 0 };
}

/** Undefined when divided by zero. Bits that are not known stay where they can be told; else none is known. */
function calculate(
  operation: number,
  a: ImageWord,
  b: ImageWord,
): ImageWord | undefined {
  const divides = operation === 0x30 || operation === 0x90;
  if (divides && b.value === 0 && b.unknown === 0) return undefined;
  const value = divides && b.value === 0
    ? 0
    : arithmetic(operation, a.value, b.value) >>> 0;
  if (a.unknown === 0 && b.unknown === 0) return constant(value);
  if (b.unknown === 0) {
    const bits = movedBits(operation, a.unknown, b.value);
    if (bits !== undefined) {
      const unknown = bits >>> 0;
      return { value: (value & ~unknown) >>> 0, unknown };
    }
  }
  return { value: 0, unknown: ALL_BITS };
}

function movedBits(
  operation: number,
  unknown: number,
  by: number,
): number | undefined {
  switch (operation) {
    case 0x40:
      return unknown & ~by;
    case 0x50:
      return unknown & by;
    case 0x60:
      return unknown << by;
    case 0x70:
      return unknown >>> by;
    case 0xa0:
      return unknown;
  }
  return undefined;
}

function arithmetic(operation: number, a: number, b: number): number {
  switch (operation) {
    case 0x00:
      return a + b;
    case 0x10:
      return a - b;
    case 0x20:
      return Math.imul(a, b);
    case 0x30:
      return Math.floor(a / b);
    case 0x40:
      return a | b;
    case 0x50:
      return a & b;
    case 0x60:
      return a << b;
    case 0x70:
      return a >>> b;
    case 0x80:
      return -a;
    case 0x90:
      return a % b;
    default:
      return a ^ b;
  }
}
