import type { RuleHit } from "./rule_path.ts";

/** What has to be known of the rules on a path. */
export interface ScannedRules {
  /** Rules of a chain; undefined when there is no such chain. */
  chainLength(table: string, chain: string): number | undefined;
  ruleText(hit: RuleHit): string | undefined;
}

/** A chain that is being gone through; rules up to `position` are done. */
interface Frame {
  readonly table: string;
  readonly chain: string;
  position: number;
}

/** Targets after which the table is done with the packet. */
const TERMINAL: ReadonlySet<string> = new Set([
  ...["ACCEPT", "DROP", "REJECT", "QUEUE", "NFQUEUE", "TPROXY"],
  ...["DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"],
]);

/**
 * How many rules the kernel looked at for a packet that met these, policies
 * included in the path: those between two that matched, and the rest of every
 * chain that it came to the end of (ip_tables.c, `ipt_do_table`).
 */
export function scannedRules(
  path: readonly RuleHit[],
  rules: ScannedRules,
): number {
  return path.reduce(
    (scan, hit) => scan.meet(hit),
    new Scan(rules),
  ).finish();
}

class Scan {
  readonly #rules: ScannedRules;
  #frames: Frame[] = [];
  #scanned = 0;

  constructor(rules: ScannedRules) {
    this.#rules = rules;
  }

  meet(hit: RuleHit): this {
    if (hit.index === 0) {
      if (this.#frames.length === 0) this.#open(hit.table, hit.chain);
      this.#endAll();
      return this;
    }
    while (this.#frames.length > 0 && !this.#isNext(hit)) this.#end();
    if (this.#frames.length === 0) this.#open(hit.table, hit.chain);
    const frame = this.#frames.at(-1)!;
    this.#scanned += hit.index - frame.position;
    frame.position = hit.index;
    this.#follow(frame, this.#rules.ruleText(hit) ?? "");
    return this;
  }

  finish(): number {
    this.#endAll();
    return this.#scanned;
  }

  #follow(frame: Frame, text: string): void {
    const [, flag, target = ""] = / -([jg]) (\S+)/.exec(unquoted(text)) ?? [];
    if (this.#rules.chainLength(frame.table, target) !== undefined) {
      // Nothing is left of a chain that a goto leaves.
      if (flag === "g") frame.position = this.#length(frame);
      this.#open(frame.table, target);
    } else if (target === "RETURN") {
      frame.position = this.#length(frame);
    } else if (TERMINAL.has(target)) {
      this.#frames = [];
    }
  }

  #isNext({ table, chain, index }: RuleHit): boolean {
    const frame = this.#frames.at(-1)!;
    return frame.table === table && frame.chain === chain &&
      frame.position < index;
  }

  #open(table: string, chain: string): void {
    this.#frames.push({ table, chain, position: 0 });
  }

  #end(): void {
    const frame = this.#frames.pop()!;
    this.#scanned += this.#length(frame) - frame.position;
  }

  #endAll(): void {
    while (this.#frames.length > 0) this.#end();
  }

  #length({ table, chain }: Frame): number {
    return this.#rules.chainLength(table, chain) ?? 0;
  }
}

/** A comment may hold anything. */
function unquoted(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
}
