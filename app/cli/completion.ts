import { PLUGINS, PRESETS } from "../presets.ts";
import { choice, misuse, readArguments } from "./_arguments.ts";
import {
  type CommandResult,
  EXIT,
  FAIL_ON,
  printResult,
  runMain,
} from "./_exit.ts";
import { EXPLAIN_OPTIONS } from "./explain.ts";
import { REPLAY_OPTIONS } from "./replay.ts";
import { SCENARIO_OPTIONS } from "./scenario.ts";

const COMMAND = "completion";

const USAGE =
  `Prints what a shell needs to complete our tasks and their options.

Usage: deno task completion SHELL

  SHELL      bash, zsh or fish

Exits with 0, with 2 for a shell that is none of these.

Examples:
  deno task --quiet completion bash >> ~/.bashrc
  deno task --quiet completion zsh >> ~/.zshrc
  deno task --quiet completion fish > ~/.config/fish/completions/plumbline.fish`;

const SHELLS = ["bash", "zsh", "fish"] as const;

/** A task as a shell sees it. */
interface Task {
  readonly about: string;
  /** Options, without the dashes. */
  readonly options: readonly string[];
  /** Words that may come first. */
  readonly words?: readonly string[];
}

/** Tasks with options. Of those whose tables are their own, only what their help names. */
export const TASKS: Readonly<Record<string, Task>> = {
  scenario: {
    about: "Replay scenarios",
    options: Object.keys(SCENARIO_OPTIONS),
  },
  replay: {
    about: "Replay recorded traffic",
    options: Object.keys(REPLAY_OPTIONS),
  },
  explain: {
    about: "Explain a known divergence",
    options: Object.keys(EXPLAIN_OPTIONS),
  },
  demo: { about: "Three divergences, live", options: ["help"] },
  log: {
    about: "Verify, show or replay a log",
    options: ["from", "limit", "type", "json", "help"],
    words: ["verify", "show", "replay"],
  },
  plugin: {
    about: "Start a plugin of your own",
    options: ["dir", "help"],
    words: ["new"],
  },
  serve: {
    about: "Serve the HTTP API and the page",
    options: ["port", "host", "data", "token-file", "cors", "help"],
  },
  kernel: {
    about: "Ask the Linux kernel",
    options: [
      "backend",
      "seed",
      "count",
      "from",
      "most",
      "out",
      "json",
      "help",
    ],
    words: ["fuzz", "run"],
  },
  conformance: {
    about: "Run the public conformance suites",
    options: ["suite", "failures", "json", "help"],
  },
  bench: { about: "Measure speed", options: ["only", "help"] },
  test: { about: "Every test", options: [] },
  ok: { about: "Everything before a commit", options: [] },
  completion: {
    about: "Completion for a shell",
    options: ["help"],
    words: SHELLS,
  },
};

/** What may stand behind an option; files where it is not said. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  stack: [...Object.keys(PRESETS), ...Object.keys(PLUGINS)],
  baseline: [...Object.keys(PRESETS), ...Object.keys(PLUGINS)],
  output: ["text", "json", "ndjson", "junit", "sarif", "github", "md", "html"],
  "fail-on": FAIL_ON,
};

/** The command `completion`. */
export function completion(args: readonly string[]): CommandResult {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: { help: { type: "boolean", short: "h", default: false } },
  });
  if (values.help) return { output: USAGE, exit: EXIT.ok };
  const [written, ...rest] = positionals;
  if (written === undefined || rest.length > 0) {
    throw misuse(COMMAND, `it takes one SHELL: ${SHELLS.join(", ")}`);
  }
  const shell = choice(written, {
    name: "SHELL",
    words: SHELLS,
    command: COMMAND,
  });
  return { output: SCRIPTS[shell](), exit: EXIT.ok };
}

const SCRIPTS: Readonly<Record<typeof SHELLS[number], () => string>> = {
  bash: bashScript,
  zsh: () =>
    `# deno task TASK of Plumbline, for zsh\n` +
    `autoload -U +X compinit && compinit\n` +
    `autoload -U +X bashcompinit && bashcompinit\n${bashScript()}`,
  fish: fishScript,
};

/** zsh runs it too: it keeps to what both know. */
function bashScript(): string {
  const cases = Object.entries(TASKS).map(([name, { options, words = [] }]) =>
    `    ${name}) words="${
      [...words, ...options.map((option) => `--${option}`)].join(" ")
    }" ;;`
  );
  const values = Object.entries(VALUES).map(([option, words]) =>
    `    --${option}${option === "output" ? "|-o" : ""}) words="${
      words.join(" ")
    }" ;;`
  );
  return `# deno task TASK of Plumbline, for bash
_plumbline() {
  local word="\${COMP_WORDS[COMP_CWORD]}"
  local before="\${COMP_WORDS[COMP_CWORD-1]}"
  local words=""
  COMPREPLY=()
  [ "\${COMP_WORDS[1]}" = task ] || return 0
  grep -qs '"@plumbline/plumbline"' deno.json || return 0
  if [ "$COMP_CWORD" -eq 2 ]; then
    COMPREPLY=($(compgen -W "${Object.keys(TASKS).join(" ")}" -- "$word"))
    return 0
  fi
  case "$before" in
${values.join("\n")}
    --*)
      case "$before" in
        ${SWITCHES}) ;;
        *) COMPREPLY=($(compgen -f -- "$word")); return 0 ;;
      esac ;;
  esac
  if [ -z "$words" ]; then
    case "\${COMP_WORDS[2]}" in
${cases.map((line) => `  ${line}`).join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))
}
complete -o bashdefault -o default -F _plumbline deno`;
}

/** Options that no value follows. */
const SWITCHES = "--json|--summary|--detailed|--update|--watch|--help";

function fishScript(): string {
  const ours = `string match -q '*"@plumbline/plumbline"*' ` +
    `(cat deno.json 2>/dev/null)`;
  const lines = [
    "# deno task TASK of Plumbline, for fish",
    "function __plumbline_task",
    "  set -l words (commandline -opc)",
    `  test (count $words) -ge 2; and test $words[2] = task; and ${ours}`,
    "  or return 1",
    '  if test -z "$argv[1]"',
    "    test (count $words) -eq 2",
    "  else",
    "    test (count $words) -ge 3; and test $words[3] = $argv[1]",
    "  end",
    "end",
  ];
  for (const [name, { about, options, words = [] }] of Object.entries(TASKS)) {
    lines.push(
      `complete -c deno -n '__plumbline_task ""' -a ${name} -d '${about}'`,
    );
    const only = `complete -c deno -n '__plumbline_task ${name}'`;
    if (words.length > 0) lines.push(`${only} -a '${words.join(" ")}'`);
    for (const option of options) {
      const values = VALUES[option];
      const isSwitch = SWITCHES.split("|").includes(`--${option}`);
      const follows = values !== undefined
        ? ` -x -a '${values.join(" ")}'`
        : isSwitch
        ? ""
        : " -r";
      const short = option === "output" ? " -s o" : "";
      lines.push(`${only} -l ${option}${short}${follows}`);
    }
  }
  return lines.join("\n");
}

if (import.meta.main) {
  await runMain((args) => printResult(completion(args)));
}
