import type { Event } from "../../core/event.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { HookContext } from "../../core/replay/plugin.ts";
import { type NameMatch, plainName } from "./dns_name.ts";

/** An answer as the tape gives it. JSON-safe. */
export interface Answer {
  readonly addresses: readonly string[];
  readonly alias: string | null;
  readonly fromNs: number;
  /** Null: kept for as long as no other answer takes its place. */
  readonly ttlNs: number | null;
}

/** Answers by name, the latest last. */
export type Answers = Record<string, Answer[]>;

/** Answers kept of a name (--tofqdns-endpoint-max-ip-per-hostname). */
const MOST_ANSWERS = 1_000;

/** Aliases followed from a name. */
const MOST_ALIASES = 16;

const SECOND_NS = 1_000_000_000;

/** Takes in a record; answers that run out by themselves stay until they do. */
export function learnRecord(
  answers: Answers,
  { data, timeNs }: Event<"record.applied">,
): void {
  const key = plainName(data.name);
  const kept = (answers[key] ?? []).filter(({ fromNs, ttlNs }) =>
    ttlNs !== null && fromNs + ttlNs > timeNs
  );
  kept.push({
    addresses: data.addresses.map((text) => Ip.of(text).text),
    alias: data.alias === null ? null : plainName(data.alias),
    fromNs: timeNs,
    ttlNs: data.ttlS === undefined ? null : data.ttlS * SECOND_NS,
  });
  answers[key] = kept.slice(-MOST_ANSWERS);
}

/** An address that a name has stood for, and when. */
interface Standing {
  readonly name: string;
  readonly fromNs: number;
  readonly ttlNs: number | null;
}

/** When a node has last passed on a question for a name. JSON-safe. */
type Asked = Map<string, number>;

/**
 * The names that rules speak of, by the addresses that answers gave them. An
 * answer that the tape has counts as learnt from the moment it is there,
 * unless only what was asked through the DNS proxy of a node is to count; such
 * a question renews it on that node (pkg/fqdn/cache.go).
 */
export class DnsNames {
  readonly #byAddress = new Map<string, Standing[]>();
  /** No address has a name that any rule speaks of. */
  readonly none: boolean;
  readonly #minTtlNs: number;
  readonly #assumed: boolean;

  constructor(answers: Answers, { wanted, minTtlS, assumed }: {
    readonly wanted: readonly NameMatch[];
    readonly minTtlS: number;
    /** Whether answers count that nobody has asked for. */
    readonly assumed: boolean;
  }) {
    this.#minTtlNs = minTtlS * SECOND_NS;
    this.#assumed = assumed;
    for (const name of Object.keys(answers).sort()) {
      if (!wanted.some((match) => match(name))) continue;
      for (const answer of answers[name]!) {
        const { fromNs, ttlNs } = answer;
        for (const address of addressesOf(answer, answers)) {
          const standing = { name, fromNs, ttlNs };
          const known = this.#byAddress.get(address);
          if (known === undefined) this.#byAddress.set(address, [standing]);
          else known.push(standing);
        }
      }
    }
    this.none = this.#byAddress.size === 0;
  }

  /** The names of an address; a connection that was let through keeps those it was let through by. */
  of(
    ip: Ip,
    { context, alive }: {
      readonly context: HookContext;
      readonly alive: boolean;
    },
  ): readonly string[] {
    const standings = this.#byAddress.get(ip.text);
    if (standings === undefined) return [];
    const asked = askedOn(context);
    const { nowNs } = context;
    const names = standings.filter((standing) =>
      this.#holds(standing, asked.get(standing.name), { nowNs, alive })
    ).map(({ name }) => name);
    return [...new Set(names)];
  }

  #holds(
    { fromNs, ttlNs }: Standing,
    asked: number | undefined,
    { nowNs, alive }: { readonly nowNs: number; readonly alive: boolean },
  ): boolean {
    const kept = ttlNs === null ? null : Math.max(ttlNs, this.#minTtlNs);
    const holds = (sinceNs: number) =>
      kept === null || alive || nowNs < sinceNs + kept;
    if (this.#assumed && holds(fromNs)) return true;
    return asked !== undefined && asked >= fromNs && holds(asked);
  }
}

/** Notes that the node's DNS proxy has passed on a question. */
export function noteQuestion(name: string, context: HookContext): void {
  askedOn(context).set(plainName(name), context.nowNs);
}

function askedOn(context: HookContext): Asked {
  return context.table<number>("dns questions");
}

/** The addresses at the end of an answer's aliases: they count for the name that was asked for alone (cilium/cilium issue 20191). */
function addressesOf(answer: Answer, answers: Answers): readonly string[] {
  let last = answer;
  for (let step = 0; step < MOST_ALIASES; step++) {
    if (last.alias === null) return last.addresses;
    const next = answers[last.alias]?.at(-1);
    if (next === undefined) return [];
    last = next;
  }
  return [];
}
