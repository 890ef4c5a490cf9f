import { InputError } from "../../core/errors.ts";
import { printTables } from "../../core/import/iptables_print.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { ipSets } from "../../plugins/iptables/ip_sets.ts";
import { nodeHost } from "../../plugins/iptables/host.ts";
import { RuleSet } from "../../plugins/iptables/rule_set.ts";
import { nodeOf } from "./_kube_objects.ts";
import type { CaseResult } from "./suite.ts";

const DUMPS = ["cali-iptables-dump.txt", "iptables-dump.txt"];

/** Dumps of nodes with Calico load, compile, and print back as they were. */
export function* calicoDumps(directory: string): Generator<CaseResult> {
  for (const file of DUMPS) {
    yield judge(file, Deno.readTextFileSync(`${directory}/${file}`));
  }
}

function judge(file: string, text: string): CaseResult {
  const id = `calico/${file}`;
  try {
    const { v4 } = parseIptablesSave(text, { file });
    const rules = new RuleSet({ v4, v6: [] }, {
      host: nodeHost(nodeOf("host", ["10.0.0.1"])),
      sets: ipSets([]),
    });
    for (const table of v4) {
      for (const { name } of table.chains) {
        const chain = rules.chain(4, { table: table.name, name })!;
        for (let index = 0; index < chain.length; index++) chain.rule(index);
      }
    }
    const expected = rulesIn(text);
    const actual = rulesIn(printTables(v4));
    const at = expected.findIndex((line, index) => line !== actual[index]);
    return at < 0 && expected.length === actual.length
      ? { id, status: "passed" }
      : {
        id,
        status: "failed",
        expected: expected[at] ?? "(no more lines)",
        actual: actual[at] ?? "(no more lines)",
      };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { id, status: "failed", expected: "loads", actual: error.message };
  }
}

/** Tables, chains in any order, and their rules, without comments; a bare REJECT, which one dump had put in by hand, as the kernel prints it. */
function rulesIn(text: string): readonly string[] {
  return text.split("\n").filter((line) => !/^(#|$)/.test(line))
    .map((line) =>
      line.replace(/ -j REJECT$/, "$& --reject-with icmp-port-unreachable")
    )
    .map((line, index, lines) => {
      const table = lines.findLast((one, at) =>
        at <= index && one.startsWith("*")
      );
      const [chain] = /^(:|-A )\S+/.exec(line) ?? [""];
      const before = lines.slice(lines.indexOf(table!), index)
        .filter((one) => one.startsWith(`${chain} `)).length;
      return `${table} ${chain} ${`${before}`.padStart(4, "0")} ${line}`;
    })
    .sort();
}
