import { matchesGlob } from "../../core/scenario/glob.ts";

/** Whether a name is one that a rule means. */
export type NameMatch = (name: string) => boolean;

/** A name as names are compared: lower case, without the final dot. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** `matchName`: the name itself. */
export function exactName(wanted: string): NameMatch {
  const plain = plainName(wanted);
  return (name) => plainName(name) === plain;
}

/**
 * `matchPattern`: `*` alone is any name; within a label `*` is any characters
 * but a dot; `**.` in front is one label or more (pkg/fqdn/matchpattern).
 */
export function namePattern(pattern: string): NameMatch {
  const plain = plainName(pattern);
  if (plain === "*") return () => true;
  const deep = plain.startsWith("**.");
  const wanted = (deep ? plain.slice(3) : plain).split(".");
  return (name) => {
    const labels = plainName(name).split(".");
    const more = labels.length - wanted.length;
    if (deep ? more < 1 : more !== 0) return false;
    return wanted.every((label, at) => matchesGlob(labels[at + more]!, label));
  };
}
