import {
  EVERYTHING,
  parseSelector,
  type Selector,
} from "../cluster/selector.ts";
import { type KubeObject, partPosition } from "../cluster/model.ts";
import { nearest, type Problem } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { Cidr } from "../packet/ip.ts";
import type { Rule, SourcePosition } from "../source.ts";

/** Where in an object something is: `["spec", "ingress", 0]`. */
export type Path = readonly (string | number)[];

/** A mapping of a manifest. */
export type Mapping = Readonly<Record<string, unknown>>;

/**
 * Reads the parts of one policy object: what is not there is undefined, what is
 * wrong becomes a problem at its position and reading goes on, so that all
 * problems of an object are found in one go.
 */
export class SpecReader {
  readonly object: KubeObject;
  readonly problems: Problem[] = [];

  constructor(object: KubeObject) {
    this.object = object;
  }

  /** `NetworkPolicy shop/deny-all`. */
  get name(): string {
    const { kind, metadata } = this.object;
    return metadata.namespace === undefined
      ? `${kind} ${metadata.name}`
      : `${kind} ${metadata.namespace}/${metadata.name}`;
  }

  at(path: Path): SourcePosition {
    return partPosition(this.object, path);
  }

  /** The rule that a part of the object is. */
  rule(path: Path, words: string): Rule {
    return { name: `${this.name} ${words}`, source: this.at(path) };
  }

  problem(
    path: Path,
    what: { reason: string; expected?: string; didYouMean?: string },
  ): void {
    if (this.problems.length >= LIMITS.problemsPerFile) return;
    const { reason, ...rest } = what;
    this.problems.push({
      message: `Cannot read ${this.name}: ${reason}`,
      at: this.at(path),
      ...rest,
    });
  }

  /** A mapping, its keys checked against those that are known; undefined when absent or wrong. */
  mapping(
    value: unknown,
    path: Path,
    keys?: readonly string[],
  ): Mapping | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) {
      this.problem(path, {
        reason: `${nameOf(path)} is no mapping`,
        expected: "a mapping",
      });
      return undefined;
    }
    if (keys !== undefined) this.#checkKeys(value, path, keys);
    return value as Mapping;
  }

  /** The items of a list; empty when absent or wrong. */
  list(value: unknown, path: Path): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    this.problem(path, {
      reason: `${nameOf(path)} is no list`,
      expected: "a list",
    });
    return [];
  }

  /** One of a few words; undefined when absent or wrong. */
  word<Word extends string>(
    value: unknown,
    path: Path,
    words: readonly Word[],
  ): Word | undefined {
    if (value === undefined || value === null) return undefined;
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const near = typeof value === "string" ? nearest(value, words) : undefined;
    this.problem(path, {
      reason: `${nameOf(path)} is ${JSON.stringify(value)}`,
      expected: words.join(", "),
      ...(near === undefined ? {} : { didYouMean: near }),
    });
    return undefined;
  }

  /** A whole number within bounds; undefined when absent or wrong. */
  integer(
    value: unknown,
    path: Path,
    { from, to }: { readonly from: number; readonly to: number },
  ): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (
      typeof value === "number" && Number.isInteger(value) && value >= from &&
      value <= to
    ) return value;
    this.problem(path, {
      reason: `${nameOf(path)} is ${JSON.stringify(value)}`,
      expected: `a number from ${from} to ${to}`,
    });
    return undefined;
  }

  /** A prefix; undefined when absent or wrong. */
  cidr(value: unknown, path: Path): Cidr | undefined {
    if (value === undefined || value === null) return undefined;
    const cidr = typeof value === "string" ? Cidr.parse(value) : undefined;
    if (cidr === undefined) {
      this.problem(path, {
        reason: `${JSON.stringify(value)} is no prefix`,
        expected: "an IPv4 or IPv6 prefix such as 10.0.0.0/8",
      });
    }
    return cidr;
  }

  /** A label selector; everything when it is absent. */
  selector(value: unknown, path: Path): Selector {
    if (value === undefined || value === null) return EVERYTHING;
    const { selector, problems } = parseSelector(value);
    for (const { path: below, ...problem } of problems) {
      this.problem([...path, ...below], problem);
    }
    return selector;
  }

  #checkKeys(value: object, path: Path, keys: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (keys.includes(key)) continue;
      const near = nearest(key, keys);
      this.problem([...path, key], {
        reason: `${nameOf(path)} has no field ${key}`,
        expected: keys.join(", "),
        ...(near === undefined ? {} : { didYouMean: near }),
      });
    }
  }
}

/** The last part of a path in words: `ports`, `ports[1]`. */
function nameOf(path: Path): string {
  const last = path.at(-1);
  return typeof last === "number" ? `${path.at(-2)}[${last}]` : `${last}`;
}
