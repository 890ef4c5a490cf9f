/** One instruction of classic BPF (struct sock_filter). */
export interface BpfInstruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  /** 32 bits, unsigned. */
  readonly k: number;
}

/** Parts of an instruction's code (include/uapi/linux/bpf_common.h). */
export const BPF = {
  class: { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, ret: 6, misc: 7 },
  mode: { imm: 0, abs: 0x20, ind: 0x40, mem: 0x60, len: 0x80, msh: 0xa0 },
  jump: { always: 0, equal: 0x10, greater: 0x20, atLeast: 0x30, anyBit: 0x40 },
  x: 0x08,
} as const;

/** XT_BPF_MAX_NUM_INSTR. */
const MOST_INSTRUCTIONS = 64;

/** BPF_MEMWORDS. */
const MEMORY_WORDS = 16;

/**
 * Reads `4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0`, and refuses what the kernel
 * refuses (net/core/filter.c, `bpf_check_classic`): jumps lead forward and
 * stay inside, so that a program ends. Undefined when it is refused.
 */
export function readBpf(text: string): readonly BpfInstruction[] | undefined {
  const [count, ...lines] = text.replace(/,\s*$/, "").split(",");
  if (
    Number(count) !== lines.length || lines.length === 0 ||
    lines.length > MOST_INSTRUCTIONS
  ) {
    return undefined;
  }
  const program = lines.map(readInstruction);
  const valid = program.every((one, index) =>
    one !== undefined && isValid(one, program.length - index - 1)
  );
  const last = program.at(-1);
  return valid && (last!.code & 7) === BPF.class.ret
    ? program as BpfInstruction[]
    : undefined;
}

function readInstruction(text: string): BpfInstruction | undefined {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 4 || !fields.every((one) => /^\d{1,10}$/.test(one))) {
    return undefined;
  }
  const [code, jumpTrue, jumpFalse, k] = fields.map(Number);
  return code! > 0xffff || jumpTrue! > 0xff || jumpFalse! > 0xff ||
      k! > 0xffffffff
    ? undefined
    : { code: code!, jumpTrue: jumpTrue!, jumpFalse: jumpFalse!, k: k! };
}

/** ... with so many instructions behind it. */
function isValid(
  { code, jumpTrue, jumpFalse, k }: BpfInstruction,
  behind: number,
): boolean {
  const operation = code & 0xf0;
  const constant = (code & BPF.x) === 0;
  switch (code & 7) {
    case BPF.class.st:
    case BPF.class.stx:
      return k < MEMORY_WORDS;
    case BPF.class.ld:
    case BPF.class.ldx:
      return (code & 0xe0) !== BPF.mode.mem || k < MEMORY_WORDS;
    case BPF.class.alu:
      // Divided by a constant 0, or shifted out.
      if (operation > 0xa0 || !constant) return operation <= 0xa0;
      return operation === 0x30 || operation === 0x90
        ? k !== 0
        : (operation !== 0x60 && operation !== 0x70) || k < 32;
    case BPF.class.jmp:
      return operation === BPF.jump.always
        ? k < behind
        : operation <= BPF.jump.anyBit && jumpTrue < behind &&
          jumpFalse < behind;
    default:
      return true;
  }
}
