import { readNumber, type ValueSyntax } from "./_iptables_values.ts";

/** Names of the bits of a type of service (libxtables, tos_values.c). */
const TOS_NAMES: ReadonlyMap<string, number> = new Map([
  ["minimize-delay", 0x10],
  ["maximize-throughput", 0x08],
  ["maximize-reliability", 0x04],
  ["minimize-cost", 0x02],
  ["normal-service", 0x00],
]);

/** A type of service with its mask, which a name leaves without the two bits for congestion. */
export function readTos(
  text: string,
): { readonly value: number; readonly mask: number } | undefined {
  const named = TOS_NAMES.get(text.toLowerCase());
  if (named !== undefined) return { value: named, mask: 0x3f };
  const [first = "", second, more] = text.split("/");
  const value = readNumber(first, 0xff);
  const mask = second === undefined ? 0xff : readNumber(second, 0xff);
  return value === undefined || mask === undefined || more !== undefined
    ? undefined
    : { value, mask };
}

/** `0x10/0x3f`. */
export function printTos(value: number, mask: number): string {
  return `${byte(value)}/${byte(mask)}`;
}

function byte(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`;
}

/** A type of service by number, with a mask if wanted, or by name. */
export const TOS_VALUE: ValueSyntax = {
  expected: "a number up to 0xff, with a mask if wanted, or a name",
  normal: (text) => {
    const tos = readTos(text);
    return tos === undefined ? undefined : printTos(tos.value, tos.mask);
  },
};

/** A class of differentiated services, by its number (libxt_dscp, dscp_helper.c). */
export const DSCP_CLASS: ValueSyntax = {
  expected: "BE, EF, CS0 to CS7, or AF11 to AF43",
  normal: (text) => {
    const name = text.toUpperCase();
    const selector = /^CS([0-7])$/.exec(name);
    const assured = /^AF([1-4])([1-3])$/.exec(name);
    const point = name === "BE"
      ? 0
      : name === "EF"
      ? 0x2e
      : selector !== null
      ? Number(selector[1]) * 8
      : assured !== null
      ? Number(assured[1]) * 8 + Number(assured[2]) * 2
      : undefined;
    return point === undefined ? undefined : byte(point);
  },
};
