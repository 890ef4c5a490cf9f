/**
 * The command line of this very run, with more permissions. Tasks have those
 * that they need every day.
 */
export function withPermissions(flags: readonly string[]): string {
  const env = flags.includes("--allow-env")
    ? []
    : ["--allow-env=LOG_TOKENS,LOG_STREAM"];
  const all = new Set(["--allow-read", ...env, ...flags]);
  const module = Deno.mainModule.replace(/^.*\/(app\/cli\/)/, "$1");
  return ["deno run", ...all, module, ...Deno.args].join(" ");
}

/** Asks for permissions, on a terminal its user; says which are not given. */
export function missingPermissions(
  names: readonly ("run" | "env")[],
): readonly string[] {
  return names
    .filter((name) => Deno.permissions.requestSync({ name }).state !== GRANTED)
    .map((name) => `--allow-${name}`);
}

const GRANTED: Deno.PermissionState = "granted";
