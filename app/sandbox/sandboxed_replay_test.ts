import { assert, assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { replay } from "../../core/replay/engine.ts";
import { standardTape } from "../../core/replay/standard_tape.ts";
import { stackOf } from "../../core/replay/testing.ts";
import iptables from "../../plugins/iptables/mod.ts";
import { bundlePlugin } from "./bundle_plugin.ts";
import { sandboxedReplay, SandboxError } from "./sandboxed_replay.ts";

/** A plugin whose handler at `forward` runs `body`. */
function source(body: string, top = ""): string {
  return `import { definePlugin, noOptions } from "plumbline";
${top}
const rule = { name: "probe" };
export default definePlugin({
  manifest: {
    name: "probe", version: "1.0.0", apiVersion: "v1", consumes: [],
    kinds: [], hooks: { run: { hook: "forward", priority: 0 } },
    scope: "flow", models: [],
  },
  options: noOptions,
  initialState: () => null,
  evolve: (state) => state,
  compile: () => null,
  attach: () => ({ run: (packet, context) => { ${body} } }),
});
`;
}

/** The bundler keeps a process of its own that ends some time after it is told to. */
const LEAVES_A_PROCESS = { sanitizeOps: false, sanitizeResources: false };

async function run(text: string) {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(path, text);
  try {
    const bundle = await bundlePlugin(path);
    return await sandboxedReplay(standardTape(), {
      name: "probe",
      plugins: [{ plugin: "iptables", options: {} }, {
        bundle: 0,
        options: {},
      }],
      bundles: [bundle],
    }, {
      seed: 1,
      trace: "outcome",
      limits: { batchMs: 8_000, heapMegabytes: 128, answerBytes: 4_000_000 },
    });
  } finally {
    await Deno.remove(path);
  }
}

async function failure(text: string): Promise<SandboxError> {
  return await assertRejects(() => run(text), SandboxError);
}

Deno.test(
  "sandboxedReplay() gives the outcomes of a replay in process",
  LEAVES_A_PROCESS,
  async () => {
    const inside = await run(source("return undefined;"));
    const outside = replay(standardTape(), stackOf([iptables]), {
      seed: 1,
      trace: "outcome",
    });
    assertEquals(inside.hash, outside.hash);
  },
);

Deno.test(
  "sandboxedReplay() runs a third party's rule",
  LEAVES_A_PROCESS,
  async () => {
    const { results } = await run(source(
      'return { kind: "drop", reason: "no way", rule };',
    ));
    assert(results.some(({ outcome }) => outcome.rule?.name === "probe"));
  },
);

Deno.test(
  "sandboxedReplay() kills a plugin that loops for ever",
  LEAVES_A_PROCESS,
  async () => {
    const { code } = await failure(source("for (;;) {}"));
    assertEquals(code, "timeout");
  },
);

Deno.test(
  "sandboxedReplay() ends a plugin that takes all memory",
  LEAVES_A_PROCESS,
  async () => {
    const { code } = await failure(source(
      "const all = []; for (;;) all.push(new Array(1e5).fill(all.length));",
    ));
    assertEquals(code, "memory");
  },
);

Deno.test(
  "sandboxedReplay() ends a plugin that floods its output",
  LEAVES_A_PROCESS,
  async () => {
    const { code } = await failure(source(
      'return { kind: "drop", reason: "x".repeat(300_000), rule };',
    ));
    assertEquals(code, "flood");
  },
);

for (
  const probe of [
    "Date.now()",
    "new Date()",
    "performance.now()",
    "Math.random()",
    "crypto.randomUUID()",
    "new Intl.DateTimeFormat().format()",
    "Deno.readTextFileSync('/etc/hostname')",
    "new Worker('data:text/javascript,')",
    "new SharedArrayBuffer(8)",
    "setTimeout(() => {}, 0)",
    "fetch('http://127.0.0.1/')",
    "(() => {}).constructor('return Date')()",
    "eval('1')",
    "Object.prototype.polluted = 1",
    "Array.prototype.map = () => []",
    "globalThis.constructor.constructor('return 1')()",
  ]
) {
  Deno.test(
    `sandboxedReplay() keeps a plugin from ${probe}`,
    LEAVES_A_PROCESS,
    async () => {
      const { code } = await failure(source(`${probe}; return undefined;`));
      assertEquals(code, "failed");
    },
  );
}

Deno.test(
  "bundlePlugin() refuses packages, built-ins and URLs, with the line",
  LEAVES_A_PROCESS,
  async () => {
    for (
      const specifier of [
        "node:fs",
        "npm:zod",
        "zod",
        "https://example.com/x.js",
      ]
    ) {
      const path = await Deno.makeTempFile({ suffix: ".ts" });
      await Deno.writeTextFile(path, `import "${specifier}";\n`);
      const error = await assertRejects(() => bundlePlugin(path), InputError);
      assertEquals(error.problems[0]!.at.line, 1, specifier);
      await Deno.remove(path);
    }
  },
);

Deno.test(
  "sandboxedReplay() gives a plugin no import at run time",
  LEAVES_A_PROCESS,
  async () => {
    const { code } = await failure(source(
      "if (!loaded) throw new Error('nothing was imported'); return undefined;",
      "let loaded = false; import(['node', 'fs'].join(':')).then(() => { loaded = true; }, () => {});",
    ));
    assertEquals(code, "failed");
  },
);
