import {
  LB_DEFAULTS,
  type LbConfig,
} from "../../plugins/ebpf/maps/lb/lb_config.ts";
import { LbScript, UnknownCommand } from "./_lb_script.ts";
import { parseScript, parseTxtar } from "./_txtar.ts";
import type { CaseResult, Suite } from "./suite.ts";

/** Cilium's own tests of its load-balancing tables and maps, run against the plugin's. */
export const ciliumLb: Suite = {
  name: "cilium/lb",
  *run(directory) {
    const files = [...Deno.readDirSync(directory)]
      .map(({ name }) => name)
      .filter((name) => name.endsWith(".txtar"))
      .sort();
    for (const file of files) {
      yield judge(
        file.replace(/\.txtar$/, ""),
        Deno.readTextFileSync(`${directory}/${file}`),
      );
    }
  },
};

/** As the tests are set up (pkg/loadbalancer/tests, script_test.go). */
const TEST_CONFIG: LbConfig = {
  ...LB_DEFAULTS,
  node: "testnode",
  maglev: { ...LB_DEFAULTS.maglev, size: 1021 },
};

/** Flags that say nothing about tables and maps. */
const IRRELEVANT = [
  "enable-experimental-lb",
  "lb-test-fault-probability",
  "lb-pressure-metrics-interval",
  "lb-state-file-interval",
];

function judge(id: string, text: string): CaseResult {
  const { comment, files } = parseTxtar(text);
  try {
    const flags = flagsOf(comment);
    const script = new LbScript(files, {
      config: configOf(flags),
      stateFile: flags.get("lb-state-file")?.replace("$WORK/", "") ?? null,
    });
    for (const command of parseScript(comment)) {
      const fault = script.run(command);
      if (fault === undefined) continue;
      const actual = `line ${command.line}: ${fault}`;
      return { id, status: "failed", actual };
    }
    return { id, status: "passed" };
  } catch (error) {
    if (!(error instanceof UnknownCommand)) throw error;
    return { id, status: "unknown", actual: error.message };
  }
}

/** The line `#! --flag=value ...` at the start of a script. */
function flagsOf(comment: string): Map<string, string> {
  const line = /^#!(.*)/.exec(comment)?.[1] ?? "";
  return new Map(
    line.split(/\s+/).filter((word) => word.startsWith("--")).map((word) => {
      const [name, value = "true"] = word.slice(2).split("=");
      return [name!, value];
    }),
  );
}

function configOf(flags: ReadonlyMap<string, string>): LbConfig {
  let config = TEST_CONFIG;
  for (const [name, value] of flags) {
    const on = value === "true";
    switch (name) {
      case "node-port-algorithm":
      case "bpf-lb-algorithm":
        config = {
          ...config,
          algorithm: value === "maglev" ? "maglev" : "random",
        };
        break;
      case "bpf-lb-algorithm-annotation":
        config = { ...config, algorithmAnnotation: on };
        break;
      case "bpf-lb-mode-annotation":
        config = { ...config, modeAnnotation: on };
        break;
      case "bpf-lb-external-clusterip":
        config = { ...config, externalClusterIp: on };
        break;
      case "bpf-lb-map-max":
        config = { ...config, maxEntries: Number(value) };
        break;
      case "lb-state-file":
        break;
      default:
        if (!IRRELEVANT.includes(name)) throw new UnknownCommand(`--${name}`);
    }
  }
  return config;
}
