import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PLUGINS, PRESETS } from "../presets.ts";
import { misuse, readArguments } from "./_arguments.ts";
import { EXIT, print, runMain } from "./_exit.ts";
import { pluginFiles } from "./_plugin_template.ts";
import type { CommandResult } from "./scenario.ts";

const COMMAND = "plugin";

const USAGE =
  `Starts a plugin of your own: a small one that works, with its tests.

Usage: deno task plugin new NAME [options]

  NAME       lower case letters, digits and dashes; also names the folder
  --dir DIR  where the folder is made; here when left out

Overwrites nothing. Exits with 0 when the plugin is there, 2 when NAME or DIR
cannot be used. docs/plugins.md says how to go on.

Example:
  deno task plugin new quarantine --dir ../my-plugins`;

const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** What the yaml package reads. */
const PERMISSIONS = "--allow-env=LOG_TOKENS,LOG_STREAM";

/** The command `plugin`. */
export function plugin(args: readonly string[]): CommandResult {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: {
      dir: { type: "string", default: "." },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return { output: USAGE, exit: EXIT.ok };
  const [action, name, ...rest] = positionals;
  if (action !== "new") {
    const said = action === undefined ? "nothing" : action;
    throw misuse(COMMAND, `the first word is new, not ${said}`);
  }
  if (name === undefined) throw misuse(COMMAND, "NAME is missing");
  if (rest.length > 0) {
    throw misuse(COMMAND, `NAME is one word, not ${rest[0]}`);
  }
  checkName(name);
  const folder = join(values.dir, name);
  writeAll(folder, pluginFiles(name));
  return { output: nextSteps(folder), exit: EXIT.ok };
}

/** The rule of checkPlugin, and no name that a stack would take for another. */
function checkName(name: string): void {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw misuse(
      COMMAND,
      `NAME is lower case letters, digits and dashes, a letter first and at most 63, not ${name}`,
    );
  }
  if (Object.hasOwn(PLUGINS, name) || Object.hasOwn(PRESETS, name)) {
    throw misuse(COMMAND, `${name} is the name of one that there is`);
  }
}

function writeAll(
  folder: string,
  files: Readonly<Record<string, string>>,
): void {
  try {
    Deno.mkdirSync(join(folder, ".."), { recursive: true });
    // Fails where anything of that name is, even an empty folder.
    Deno.mkdirSync(folder);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw misuse(COMMAND, `${folder} is there already`);
    }
    if (isUnwritable(error)) {
      throw misuse(COMMAND, `${folder} cannot be made: ${error.message}`);
    }
    throw error;
  }
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(join(folder, name), text, { createNew: true });
  }
}

function isUnwritable(error: unknown): error is Error {
  return error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.NotCapable;
}

/** Outside of the repository the names `plumbline` and `@std/assert` come with its configuration. */
function nextSteps(folder: string): string {
  const inside = !relative(resolve(CONFIG, ".."), resolve(folder))
    .startsWith("..");
  const config = inside ? "" : ` --config ${CONFIG}`;
  return [
    `Made ${folder}: mod.ts, mod_test.ts, README.md`,
    "",
    "Next:",
    `  deno test ${PERMISSIONS}${config} ${folder}`,
    `  deno check${config} ${folder}/mod.ts`,
  ].join("\n");
}

if (import.meta.main) {
  await runMain((args) => {
    const { output, exit } = plugin(args);
    print(output);
    return exit;
  });
}
