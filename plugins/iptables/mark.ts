/** Reads `0x4000/0x4000` as the parser spells it; without a mask all bits count. */
export function readMask(
  text: string,
): { readonly value: number; readonly mask: number } {
  const [value, mask] = text.split("/").map(Number);
  return { value: value!, mask: mask ?? 0xffffffff };
}
