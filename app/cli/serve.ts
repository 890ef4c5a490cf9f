import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "../../core/errors.ts";
import { cacheEnvironment } from "../sandbox/sandboxed_replay.ts";
import { PAGE_FILE } from "../server/static_page.ts";
import { isLocal } from "../server/security.ts";
import { misuse, readArguments, wholeNumber } from "./_arguments.ts";
import { EXIT, print, printError, runMain } from "./_exit.ts";

const COMMAND = "serve";

const USAGE = `Serves the HTTP API and the page.

Usage: deno task serve [options]

  --port N           port to listen on (8080); 0 takes a free one
  --host ADDRESS     address to listen on (127.0.0.1); another than loopback
                     needs a token
  --data DIR         where runs and uploads are kept (.runs)
  --token-file FILE  file with the token that every request must bring; or
                     set PLUMBLINE_TOKEN
  --cors ORIGIN      origin of pages elsewhere that may ask; may be repeated

Ends on SIGINT and SIGTERM: runs get ten seconds to finish, those that do not
are listed as interrupted and can be started again.

Examples:
  deno task serve
  deno task serve --port 9000 --data /var/lib/plumbline
  PLUMBLINE_TOKEN=... deno task serve --host 0.0.0.0`;

/** Characters of a token; shorter ones are guessed. */
const TOKEN_LENGTH = 16;

/** How the server is to be started. */
export interface Serving {
  readonly host: string;
  readonly port: number;
  readonly data: string;
  readonly token: string | null;
  readonly origins: readonly string[];
}

/** Reads the command line; null when it asks for help. */
export function servingOf(
  args: readonly string[],
  environment: { readonly token: string | undefined },
): Serving | null {
  const { values, positionals } = readArguments(args, {
    command: COMMAND,
    options: {
      port: { type: "string", default: "8080" },
      host: { type: "string", default: "127.0.0.1" },
      data: { type: "string", default: ".runs" },
      "token-file": { type: "string" },
      cors: { type: "string", multiple: true },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  if (positionals.length > 0) {
    throw misuse(COMMAND, `it takes no ${positionals[0]} without an option`);
  }
  const { host, cors: origins = [] } = values;
  for (const origin of origins) checkOrigin(origin);
  const token = tokenOf(values["token-file"], environment.token);
  if (token === null && !isLocal(host)) {
    throw misuse(
      COMMAND,
      `${host} can be reached from elsewhere, and there is no token: set ` +
        "PLUMBLINE_TOKEN, or give --token-file",
    );
  }
  const port = wholeNumber(values.port, {
    name: "--port",
    max: 65_535,
    command: COMMAND,
  });
  return { host, port: port ?? 0, data: resolve(values.data), token, origins };
}

/** Starts the server with the permissions that it needs, and waits until it ends. */
export async function serve(serving: Serving): Promise<number> {
  await writePage(serving.data);
  const child = serverCommand(serving).spawn();
  const pass = () => child.stdin.close().catch(() => {});
  Deno.addSignalListener("SIGINT", pass);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", pass);
  return (await child.status).code;
}

/** The process of the server. It ends when its stdin does. */
export function serverCommand(
  serving: Serving,
  options: Pick<Deno.CommandOptions, "stdout" | "stderr"> = {},
): Deno.Command {
  const { host, port, data, token, origins } = serving;
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      // As locked: what is in the lock file need not be looked up again.
      "--frozen",
      "--unstable-kv",
      // Without it a request's signal also fires once it was answered.
      "--unstable-no-legacy-abort",
      `--config=${pathOf("../../deno.json")}`,
      ...permissionsOf(serving),
      pathOf("../server/main.ts"),
      host,
      `${port}`,
      data,
      ...origins,
    ],
    clearEnv: true,
    env: {
      ...cacheEnvironment(),
      ...(token === null ? {} : { PLUMBLINE_TOKEN: token }),
    },
    stdin: "piped",
    ...options,
  });
}

/** Builds the page; the API is of use without it. */
async function writePage(data: string): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      `--config=${pathOf("../../deno.json")}`,
      "--allow-read",
      "--allow-env",
      "--allow-run",
      `--allow-write=${data.replaceAll(",", ",,")}`,
      pathOf("../server/write_page.ts"),
      join(data, PAGE_FILE),
    ],
    clearEnv: true,
    env: cacheEnvironment(),
    stdin: "null",
  }).spawn().status;
  if (!success) printError("The page could not be built; the API is served.");
}

/** What the server may do: listen there, keep its data, read the page, start its workers. */
function permissionsOf({ host, port, data }: Serving): string[] {
  const list = (...paths: string[]) =>
    paths.map((path) => path.replaceAll(",", ",,")).join(",");
  const address = host.includes(":") ? `[${host}]` : host;
  const net = port === 0 ? address : `${address}:${port}`;
  return [
    `--allow-net=${net}`,
    `--allow-read=${list(data, pathOf("../../scenarios"))}`,
    `--allow-write=${list(data)}`,
    `--allow-run=${list(Deno.execPath())}`,
    "--allow-env=PLUMBLINE_TOKEN,DENO_DIR,HOME,XDG_CACHE_HOME",
  ];
}

function tokenOf(
  file: string | undefined,
  given: string | undefined,
): string | null {
  const token = file === undefined ? given : tokenIn(file);
  if (token === undefined) return null;
  if (/^[\x21-\x7e]+$/.test(token) && token.length >= TOKEN_LENGTH) {
    return token;
  }
  throw misuse(
    COMMAND,
    `a token has at least ${TOKEN_LENGTH} visible characters without spaces`,
  );
}

function tokenIn(file: string): string {
  try {
    return Deno.readTextFileSync(file).trim();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new InputError([{
      message: `Cannot read token: ${file} does not exist`,
      at: { file, line: 1, column: 1 },
      expected: "a file that holds the token and nothing else",
    }], { cause });
  }
}

function checkOrigin(origin: string): void {
  if (/^https?:\/\/[^\s/?#*]+$/.test(origin)) return;
  throw misuse(
    COMMAND,
    `--cors is an origin such as https://example.com, not ${origin}`,
  );
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

if (import.meta.main) {
  await runMain(async (args) => {
    const token = Deno.env.get("PLUMBLINE_TOKEN");
    const serving = servingOf(args, { token });
    if (serving !== null) return await serve(serving);
    print(USAGE);
    return EXIT.ok;
  });
}
