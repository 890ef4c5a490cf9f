import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { join } from "node:path";
import { checkPlugin, type Plugin, replay, standardTape } from "../../mod.ts";
import { stackOf } from "../../core/replay/testing.ts";
import { bundlePlugin } from "../sandbox/bundle_plugin.ts";
import { UsageError } from "./_exit.ts";
import { pluginFiles } from "./_plugin_template.ts";
import { plugin } from "./plugin.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

async function inFolder(body: (folder: string) => unknown): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function deno(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("plugin new makes a plugin whose own tests pass, formatted and linted", async () => {
  await inFolder(async (folder) => {
    const { output, exit } = plugin(["new", "my-rules", "--dir", folder]);
    assertEquals(exit, 0);
    const made = join(folder, "my-rules");
    const config = `--config=${ROOT}deno.json`;
    const [, command] = /^ {2}deno (test .*)$/m.exec(output)!;
    const tests = await deno(...command!.split(" "));
    assertEquals(tests.code, 0, tests.text);
    assertStringIncludes(tests.text, "3 passed");
    for (const command of [["fmt", "--check"], ["lint"]]) {
      const { code, text } = await deno(...command, config, made);
      assertEquals(code, 0, text);
    }
  });
});

Deno.test({
  name:
    "plugin new makes a plugin that the sandbox takes, of less than 40 lines",
  // esbuild leaves its process to end by itself.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    inFolder(async (folder) => {
      plugin(["new", "my-rules", "--dir", folder]);
      const path = join(folder, "my-rules", "mod.ts");
      assert((await Deno.readTextFile(path)).split("\n").length <= 41);
      const { code } = await bundlePlugin(path);
      const text = encodeURIComponent(code);
      const module: { default: Plugin } = await import(
        `data:text/javascript,${text}`
      );
      const own = module.default;
      assertEquals(checkPlugin(own).filter(({ broken }) => broken), []);
      const { results } = replay(standardTape(), stackOf([own]), {
        seed: 1,
        trace: "outcome",
      });
      assert(results.length > 0);
    }),
});

Deno.test("plugin new overwrites nothing", async () => {
  await inFolder((folder) => {
    plugin(["new", "mine", "--dir", folder]);
    const file = join(folder, "mine", "mod.ts");
    Deno.writeTextFileSync(file, "my own work");
    const error = assertThrows(
      () => plugin(["new", "mine", "--dir", folder]),
      UsageError,
    );
    assertStringIncludes(error.message, "is there already");
    assertEquals(Deno.readTextFileSync(file), "my own work");
    Deno.writeTextFileSync(join(folder, "file"), "");
    assertThrows(
      () => plugin(["new", "mine", "--dir", join(folder, "file")]),
      UsageError,
    );
  });
});

Deno.test("plugin new refuses names that no plugin can have, and leaves nothing behind", async () => {
  await inFolder((folder) => {
    const names = [
      "",
      "Mine",
      "9lives",
      "../up",
      "a/b",
      "a b",
      "a\u0000",
      "x".repeat(64),
      "iptables",
      "cilium",
    ];
    for (const name of names) {
      assertThrows(() => plugin(["new", name, "--dir", folder]), UsageError);
    }
    assertThrows(() => plugin(["new", "--dir", folder]), UsageError);
    assertThrows(() => plugin(["make", "x", "--dir", folder]), UsageError);
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("pluginFiles() names the plugin in every file", () => {
  for (const text of Object.values(pluginFiles("my-rules"))) {
    assertStringIncludes(text, "my-rules");
  }
});
