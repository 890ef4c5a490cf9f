/**
 * The inside of the sandbox: a process without permissions that replays a
 * whole stack. It reads commands from stdin and writes answers to stdout, one
 * JSON document a line, and does nothing else.
 */
import { reviveEvent } from "../../core/cluster/revive.ts";
import { type FlowResult, Replay } from "../../core/replay/engine.ts";
import type { PluginUse, Stack } from "../../core/replay/plugin.ts";
import { use } from "../../core/replay/testing.ts";
import { type AnyPlugin, PLUGINS } from "./plugins.ts";
import { harden } from "./harden.ts";
import type {
  FromSandbox,
  LoadedPlugin,
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

/** The stack, and what its plugins say of themselves. */
async function load(
  { name, plugins, nodes, bundles }: SandboxStart,
): Promise<{ stack: Stack; said: LoadedPlugin[] }> {
  const said: LoadedPlugin[] = [];
  const loadAll = async (items: readonly SandboxUse[]) => {
    const loaded: PluginUse[] = [];
    for (const item of items) {
      const one = use(await pluginOf(item, bundles), item.options);
      said.push(describe(one, item));
      loaded.push(one);
    }
    return loaded;
  };
  const stack = { name, plugins: await loadAll(plugins), nodes: {} };
  const own: Record<string, readonly PluginUse[]> = stack.nodes;
  for (const [node, items] of Object.entries(nodes)) {
    own[node] = await loadAll(items);
  }
  return { stack, said };
}

function describe(
  { plugin, options }: PluginUse,
  item: SandboxUse,
): LoadedPlugin {
  const { name, version, kinds } = plugin.manifest;
  const more = plugin.kindsOf?.(options as never) ?? [];
  const bundle = "bundle" in item ? item.bundle : null;
  return { name, version, kinds: [...kinds, ...more], bundle };
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
  const { stack, said } = await load(start);
  const { seed, trace } = start;
  const run = new Replay(stack, { seed, trace });
  answer({ kind: "ready", plugins: said });
  for (const line of input) {
    const command = JSON.parse(line) as ToSandbox;
    if (command.kind === "sync") {
      answer({ kind: "synced", outcome: run.sync() });
    }
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
