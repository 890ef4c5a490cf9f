import { InputError } from "../../core/errors.ts";
import { type Backend, kernelAvailable } from "../../plugins/kernel/mod.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { printRule } from "../../core/import/iptables_print.ts";
import { fuzz, type FuzzReport } from "../kernel/fuzz.ts";
import { caseFiles, disagreementText } from "../kernel/fuzz_text.ts";
import { readPackets } from "../kernel/read_packets.ts";
import { type CaseStep, runCase, type StepResult } from "../kernel/run_case.ts";
import { choice, misuse, readArguments, wholeNumber } from "./_arguments.ts";
import { EXIT, print, runMain } from "./_exit.ts";

const USAGE = `Asks the Linux kernel, in network namespaces of its own.

Usage:
  deno task kernel fuzz [options]             random rules and packets: the kernel
                                              beside the iptables plugin
  deno task kernel run RULES PACKETS.json     what becomes of the packets, and
                                              which rules they met

  --backend NAME   legacy or nft (legacy)
  --json           JSON

Options of fuzz:
  --seed N         seed of rules and packets (1)
  --count N        rule sets (500)
  --from N         number of the first one (0)
  --most N         disagreements after which it ends (10)
  --out DIR        writes each disagreement there, as a scenario where flows can
                   say it, and as RULES and PACKETS.json

Needs root, /dev/net/tun, iptables, ipset, iproute2 and nftables; without them
it says so and runs nothing.

Exits with 0 when all is well or nothing was run, 1 when the sides disagree,
2 on bad input, 3 on an error of our own.`;

const COMMAND = "kernel";
const MOST_CASES = 1_000_000;
const MOST_FOUND = 1_000;
const BACKENDS = ["legacy", "nft"] as const;

/** The command `kernel`. */
export function kernel(args: readonly string[]): number {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: {
      backend: { type: "string", default: "legacy" },
      seed: { type: "string", default: "1" },
      count: { type: "string", default: "500" },
      from: { type: "string", default: "0" },
      most: { type: "string", default: "10" },
      out: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [command, ...files] = positionals;
  if (values.help) {
    print(USAGE);
    return EXIT.ok;
  }
  const backend = choice(values.backend, {
    name: "--backend",
    words: BACKENDS,
    command: COMMAND,
  });
  const available = kernelAvailable(backend);
  if (!available.ok) {
    print(
      values.json
        ? JSON.stringify({ status: "not run", why: available.why })
        : `kernel: not run: ${available.why}`,
    );
    return EXIT.ok;
  }
  const whole = (name: "seed" | "count" | "from" | "most", max: number) =>
    wholeNumber(values[name], { name: `--${name}`, max, command: COMMAND })!;
  if (command === "fuzz" && files.length === 0) {
    return runFuzz({
      backend,
      seed: whole("seed", 0xffff_ffff),
      count: whole("count", MOST_CASES),
      from: whole("from", MOST_CASES),
      most: whole("most", MOST_FOUND),
    }, { out: values.out, json: values.json });
  }
  if (command === "run" && files.length === 2) {
    return runFiles(files[0]!, files[1]!, { backend, json: values.json });
  }
  throw misuse(COMMAND, "it takes fuzz, or run with RULES and PACKETS.json");
}

function runFuzz(
  options: {
    readonly backend: Backend;
    readonly seed: number;
    readonly count: number;
    readonly from: number;
    readonly most: number;
  },
  { out, json }: { readonly out: string | undefined; readonly json: boolean },
): number {
  const report = fuzz({
    ...options,
    onFound: (found) => {
      if (!json) print(`${disagreementText(found)}\n`);
      if (out !== undefined) {
        const directory = `${out}/case-${options.seed}-${found.case}`;
        Deno.mkdirSync(directory, { recursive: true });
        for (const { name, text } of caseFiles(found)) {
          Deno.writeTextFileSync(`${directory}/${name}`, text);
        }
        if (!json) print(`  written to ${directory}\n`);
      } else if (!json) {
        for (const { name, text } of caseFiles(found)) {
          if (/\.yaml$/.test(name)) print(`# ${name}\n${text}`);
        }
      }
    },
  });
  print(json ? JSON.stringify(report) : reportText(report, options));
  return report.found.length === 0 ? EXIT.ok : EXIT.differs;
}

function reportText(
  { cases, packets, rules, fates, unknown, found }: FuzzReport,
  { backend, seed }: { readonly backend: Backend; readonly seed: number },
): string {
  const counts = (counted: Readonly<Record<string, number>>) =>
    Object.entries(counted)
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .map(([name, count]) => `${count} ${name}`);
  const left = Object.values(unknown).reduce((sum, count) => sum + count, 0);
  return [
    `kernel fuzz, ${backend}, seed ${seed}: ${cases} rule sets, ${rules} rules, ${packets} packets: ${
      counts(fates).join(", ")
    }`,
    ...left === 0 ? [] : [
      `${left} rule sets not compared to the end, for the plugin does not model:`,
      ...counts(unknown).slice(0, 10).map((line) => `  ${line}`),
    ],
    found.length === 0
      ? "no disagreement"
      : `${found.length} disagreements, in cases ${
        found.map((one) => one.case).join(", ")
      }`,
  ].join("\n");
}

function runFiles(
  rulesFile: string,
  packetsFile: string,
  { backend, json }: { readonly backend: Backend; readonly json: boolean },
): number {
  const rules = readText(rulesFile);
  const texts = ruleTexts(rules, rulesFile);
  const packets = readPackets(readText(packetsFile), packetsFile);
  const results = runCase({ ...packets, rules }, backend);
  if (json) {
    print(JSON.stringify(
      packets.steps.map((step, index) => ({ ...step, ...results[index] })),
    ));
    return EXIT.ok;
  }
  for (const [index, result] of results.entries()) {
    print(stepText(packets.steps[index]!, result, texts));
  }
  return EXIT.ok;
}

function stepText(
  { iface, packet }: CaseStep,
  { out, hits }: StepResult,
  texts: ReadonlyMap<string, string>,
): string {
  const lines = out.map(([link, seen]) =>
    `  out  ${link}  ${JSON.stringify(seen)}`
  );
  if (lines.length === 0) lines.push("  out  nothing");
  const rules = hits.map(([table, chain, rule, packets]) => {
    const name = rule === 0 ? "policy" : `${rule}`;
    const text = texts.get(`${table} ${chain} ${rule}`) ?? "";
    return `  ${packets}x  ${table} ${chain}:${name}  ${text}`.trimEnd();
  });
  return [`${iface}  ${JSON.stringify(packet)}`, ...lines, ...rules].join("\n");
}

function ruleTexts(text: string, file: string): Map<string, string> {
  const texts = new Map<string, string>();
  for (const table of parseIptablesSave(text, { file, family: 4 }).v4) {
    for (const { name, rules } of table.chains) {
      for (const [index, rule] of rules.entries()) {
        texts.set(
          `${table.name} ${name} ${index + 1}`,
          printRule(name, rule),
        );
      }
    }
  }
  return texts;
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw new InputError([{
      message: `Cannot read file: ${(cause as Error).message}`,
      at: { file: path, line: 1, column: 1 },
    }], { cause });
  }
}

if (import.meta.main) await runMain(kernel);
