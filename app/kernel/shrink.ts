import type { FuzzChain, FuzzRule, FuzzTable } from "./fuzz_rules.ts";

/** What shrinking works on: rules in parts, and packets. */
export interface Shrinkable<Step> {
  readonly tables: readonly FuzzTable[];
  readonly steps: readonly Step[];
}

/** Candidates tried before it is good enough. */
const MOST_TRIES = 1_500;

/**
 * Makes a case smaller for as long as `fails` holds: packets, tables, rules
 * and parts of rules are left out one after the other.
 */
export function shrink<Step>(
  found: Shrinkable<Step>,
  fails: (smaller: Shrinkable<Step>) => boolean,
): Shrinkable<Step> {
  let best = found;
  let tries = 0;
  const accepts = (candidate: Shrinkable<Step>) => {
    if (++tries > MOST_TRIES || !fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let before: typeof best | null = null; before !== best;) {
    before = best;
    dropSteps(() => best, accepts);
    dropTables(() => best, accepts);
    dropRules(() => best, accepts);
    dropParts(() => best, accepts);
    dropChains(() => best, accepts);
  }
  return best;
}

type Now<Step> = () => Shrinkable<Step>;
type Accepts<Step> = (candidate: Shrinkable<Step>) => boolean;

function dropSteps<Step>(now: Now<Step>, accepts: Accepts<Step>): void {
  for (let index = now().steps.length - 1; index >= 0; index--) {
    accepts({ ...now(), steps: without(now().steps, index) });
  }
}

function dropTables<Step>(now: Now<Step>, accepts: Accepts<Step>): void {
  for (let index = now().tables.length - 1; index >= 0; index--) {
    accepts({ ...now(), tables: without(now().tables, index) });
  }
}

/** Half of a chain, a quarter, ..., one rule. */
function dropRules<Step>(now: Now<Step>, accepts: Accepts<Step>): void {
  forEachChain(now, (place) => {
    for (let size = chainAt(now(), place).rules.length; size >= 1;) {
      for (let at = 0; at < chainAt(now(), place).rules.length;) {
        const { rules } = chainAt(now(), place);
        const fewer = [...rules.slice(0, at), ...rules.slice(at + size)];
        if (!accepts(withRules(now(), place, fewer))) at += size;
      }
      size = Math.floor(size / 2);
    }
  });
}

function dropParts<Step>(now: Now<Step>, accepts: Accepts<Step>): void {
  forEachChain(now, (place) => {
    for (let at = 0; at < chainAt(now(), place).rules.length; at++) {
      const length = chainAt(now(), place).rules[at]!.length;
      for (let part = length - 1; part >= 0; part--) {
        const { rules } = chainAt(now(), place);
        const simpler = rules.with(at, without(rules[at]!, part));
        accepts(withRules(now(), place, simpler));
      }
    }
  });
}

/** Chains that nobody calls, and policies. */
function dropChains<Step>(now: Now<Step>, accepts: Accepts<Step>): void {
  forEachChain(now, (place) => {
    const chain = chainAt(now(), place);
    if (chain.policy === "DROP") {
      accepts(withChain(now(), place, { ...chain, policy: "ACCEPT" }));
    } else if (chain.policy === null && chain.rules.length === 0) {
      accepts(withChain(now(), place, null));
    }
  });
}

interface Place {
  readonly table: number;
  readonly chain: number;
}

function forEachChain<Step>(
  now: Now<Step>,
  visit: (place: Place) => void,
): void {
  for (let table = now().tables.length - 1; table >= 0; table--) {
    const { length } = now().tables[table]!.chains;
    for (let chain = length - 1; chain >= 0; chain--) visit({ table, chain });
  }
}

function chainAt<Step>(
  { tables }: Shrinkable<Step>,
  { table, chain }: Place,
): FuzzChain {
  return tables[table]!.chains[chain]!;
}

function withRules<Step>(
  now: Shrinkable<Step>,
  place: Place,
  rules: readonly FuzzRule[],
): Shrinkable<Step> {
  return withChain(now, place, { ...chainAt(now, place), rules });
}

function withChain<Step>(
  now: Shrinkable<Step>,
  place: Place,
  chain: FuzzChain | null,
): Shrinkable<Step> {
  const table = now.tables[place.table]!;
  const chains = chain === null
    ? without(table.chains, place.chain)
    : table.chains.with(place.chain, chain);
  return { ...now, tables: now.tables.with(place.table, { ...table, chains }) };
}

function without<Item>(items: readonly Item[], index: number): Item[] {
  return [...items.slice(0, index), ...items.slice(index + 1)];
}
