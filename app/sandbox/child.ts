/**
 * The inside of the sandbox: a process without permissions that replays a
 * whole stack. It reads commands from stdin and writes answers to stdout, one
 * JSON document a line, and does nothing else.
 */
import { reviveEvent } from "../../core/cluster/revive.ts";
import { type FlowResult, Replay } from "../../core/replay/engine.ts";
import type { PluginUse } from "../../core/replay/plugin.ts";
import { use } from "../../core/replay/testing.ts";
import { type AnyPlugin, PLUGINS } from "./plugins.ts";
import { harden } from "./harden.ts";
import type {
  FromSandbox,
  SandboxStart,
  SandboxUse,
  ToSandbox,
} from "./protocol.ts";

const TAPE = { file: "tape", line: 1, column: 1 };
const { stdin, stdout } = Deno;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function answer(message: FromSandbox): void {
  const bytes = encoder.encode(JSON.stringify(message) + "\n");
  for (let done = 0; done < bytes.length;) {
    done += stdout.writeSync(bytes.subarray(done));
  }
}

/** Lines from stdin; the host bounds what it sends. */
function* lines(): Generator<string> {
  const chunk = new Uint8Array(1 << 16);
  let rest = "";
  for (
    let count = stdin.readSync(chunk);
    count !== null;
    count = stdin.readSync(chunk)
  ) {
    const parts = (rest + decoder.decode(chunk.subarray(0, count), {
      stream: true,
    })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

async function load(start: SandboxStart): Promise<PluginUse[]> {
  const loaded: PluginUse[] = [];
  for (const item of start.plugins) {
    loaded.push(use(await pluginOf(item, start.bundles), item.options));
  }
  return loaded;
}

async function pluginOf(
  item: SandboxUse,
  bundles: readonly string[],
): Promise<AnyPlugin> {
  if ("plugin" in item) return PLUGINS[item.plugin]!;
  const code = encodeURIComponent(bundles[item.bundle]!);
  const module = await import(`data:text/javascript,${code}`);
  const plugin: unknown = module.default;
  if (!isPlugin(plugin)) {
    throw new TypeError(
      "the module has no default export made by definePlugin",
    );
  }
  return plugin;
}

function isPlugin(value: unknown): value is AnyPlugin {
  return typeof value === "object" && value !== null && "manifest" in value &&
    "evolve" in value && "compile" in value && "attach" in value;
}

async function main(): Promise<void> {
  const input = lines();
  const start = JSON.parse(input.next().value!) as SandboxStart;
  harden();
  const plugins = await load(start);
  const { name, seed, trace } = start;
  const run = new Replay({ name, plugins, nodes: {} }, { seed, trace });
  answer({
    kind: "ready",
    plugins: plugins.map(({ plugin: { manifest } }) =>
      `${manifest.name} ${manifest.version}`
    ),
  });
  for (const line of input) {
    const command = JSON.parse(line) as ToSandbox;
    if (command.kind !== "events") continue;
    const results: FlowResult[] = [];
    for (const event of command.events) {
      const result = run.apply(reviveEvent(event, TAPE));
      if (result !== undefined) results.push(result);
    }
    answer({ kind: "results", results });
  }
}

try {
  await main();
} catch (error) {
  answer({
    kind: "failed",
    message: error instanceof Error ? error.message : String(error),
  });
}
