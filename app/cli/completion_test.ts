import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { UsageError } from "./_exit.ts";
import { completion, TASKS } from "./completion.ts";
import { demo } from "./demo.ts";
import { explain } from "./explain.ts";
import { replay } from "./replay.ts";
import { scenario } from "./scenario.ts";

Deno.test("completion() knows the options that help names, and no others", async () => {
  const commands = { scenario, replay, explain, demo };
  for (const [name, command] of Object.entries(commands)) {
    const { output } = await command(["--help"]);
    assertStringIncludes(output, "Example");
    const named = new Set(
      output.split("\n").flatMap((line) =>
        /^ {2}(?:-\w, )?--([a-z-]+)/.exec(line)?.[1] ?? []
      ),
    );
    const options = TASKS[name]!.options
      .filter((option) => !["help", "output", "json"].includes(option));
    assertEquals([...named].sort(), options.toSorted(), name);
    for (const line of output.split("\n")) {
      assert(line.length <= 88, line);
    }
  }
});

Deno.test("completion() completes tasks, options and values in bash", () => {
  const script = completion(["bash"]).output;
  const offers = (...words: string[]) => {
    const test = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length - 1}
_plumbline
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, success } = new Deno.Command("bash", {
      args: ["--norc", "-c", test],
    }).outputSync();
    assert(success);
    return new TextDecoder().decode(stdout).trim().split("\n");
  };
  assertEquals(offers("deno", "task", "sc"), ["scenario"]);
  assertEquals(offers("deno", "task", "scenario", "--su"), ["--summary"]);
  assertEquals(offers("deno", "task", "replay", "--stack", "ci"), ["cilium"]);
  assertEquals(offers("deno", "task", "scenario", "-o", "sa"), ["sarif"]);
  assertEquals(offers("deno", "task", "log", "ver"), ["verify"]);
  assertEquals(offers("deno", "run", "sc"), [""]);
});

Deno.test("completion() has scripts for zsh and fish, and says what else there is not", () => {
  assertStringIncludes(completion(["zsh"]).output, "bashcompinit");
  const fish = completion(["fish"]).output;
  assertStringIncludes(fish, "-l stack -x -a 'kube-proxy ");
  assertThrows(() => completion(["bsh"]), UsageError, "did you mean bash?");
  assertThrows(() => completion([]), UsageError, "bash, zsh, fish");
});

Deno.test("demo() shows three divergences with both sides and their rules", async () => {
  const { output, exit } = await demo([]);
  assertEquals(exit, 0);
  for (const id of ["D13", "D06", "D05"]) {
    assertStringIncludes(output, `${id}  `);
    assertStringIncludes(output, `deno task explain ${id}`);
  }
  assertStringIncludes(output, "kube-proxy  DROPPED(");
  assertStringIncludes(
    output,
    "scenarios/D13-flannel-never-enforced/nginx.yaml:",
  );
  for (const line of output.split("\n")) assert(line.length <= 120, line);
});
