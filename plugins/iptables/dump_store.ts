import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import type { RuleDump, RuleTable } from "../../core/import/iptables_rules.ts";
import type { EventTypes } from "../../core/event.ts";
import { parseIpsetSave, type SetDump } from "../../core/import/ipset_save.ts";
import { type IpSets, ipSets } from "./ip_sets.ts";
import { tablesShareState } from "./rule_set.ts";

/** A dump as its event carried it. */
export type LoadedDump = EventTypes["dump.loaded"];

/** Tables of a node's dump; null for a family that no dump of the node speaks of. */
export interface DumpedTables {
  readonly v4: readonly RuleTable[] | null;
  readonly v6: readonly RuleTable[] | null;
}

/** What dumps were read as, so that a control change elsewhere does not read them again. */
const readRules = new WeakMap<LoadedDump, RuleDump>();
const readSets = new WeakMap<LoadedDump, readonly SetDump[]>();

/** Every dump loaded so far; the last one for a node counts, family by family. */
export class DumpStore {
  readonly #dumps: readonly LoadedDump[];

  constructor(dumps: readonly LoadedDump[]) {
    this.#dumps = dumps;
  }

  tablesOf(node: string): DumpedTables {
    let v4: readonly RuleTable[] | null = null;
    let v6: readonly RuleTable[] | null = null;
    for (const dump of this.#of(node, "iptables-save")) {
      const tables = rulesOf(dump);
      if (tables.v4.length > 0) v4 = tables.v4;
      if (tables.v6.length > 0) v6 = tables.v6;
    }
    return { v4, v6 };
  }

  /** The sets of a node, `generated` ones where no dump has them. */
  setsOf(node: string, generated: readonly SetDump[] = []): IpSets {
    const sets = new Map(generated.map((set) => [set.name, set]));
    for (const dump of this.#of(node, "ipset-save")) {
      for (const set of setsIn(dump)) sets.set(set.name, set);
    }
    return ipSets([...sets.values()]);
  }

  /** Whether a rule of any dump remembers what flows share. */
  shareState(): boolean {
    return this.#dumps.some((dump) =>
      dump.format === "iptables-save" && tablesShareState(rulesOf(dump))
    );
  }

  *#of(node: string, format: string): Generator<LoadedDump> {
    for (const dump of this.#dumps) {
      const meant = dump.node === null || dump.node === node;
      if (meant && dump.format === format) yield dump;
    }
  }
}

function rulesOf(dump: LoadedDump): RuleDump {
  let rules = readRules.get(dump);
  if (rules === undefined) {
    rules = parseIptablesSave(dump.text, {
      file: dump.source.file,
      firstLine: dump.source.line,
    });
    readRules.set(dump, rules);
  }
  return rules;
}

function setsIn(dump: LoadedDump): readonly SetDump[] {
  let sets = readSets.get(dump);
  if (sets === undefined) {
    sets = parseIpsetSave(dump.text, {
      file: dump.source.file,
      firstLine: dump.source.line,
    });
    readSets.set(dump, sets);
  }
  return sets;
}
