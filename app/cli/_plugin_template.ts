/** The files of a new plugin by their names in its folder. */
export function pluginFiles(name: string): Readonly<Record<string, string>> {
  return {
    "mod.ts": moduleText(name),
    "mod_test.ts": testText(name),
    "README.md": readmeText(name),
  };
}

function moduleText(name: string): string {
  return `import { definePlugin, type Handler, noOptions, type Rule } from "plumbline";

/** Pods labelled \`quarantine: "true"\` send nothing and receive nothing. */
export default definePlugin({
  manifest: {
    name: "${name}",
    version: "0.1.0",
    apiVersion: "v1",
    consumes: [],
    kinds: [],
    hooks: {
      send: { hook: "from-pod", priority: 0 },
      receive: { hook: "to-pod", priority: 0 },
    },
    scope: "flow",
    models: [],
  },
  options: noOptions,
  initialState: () => null,
  evolve: (state: null) => state,
  compile: (_, { pods }) =>
    new Map([...pods].flatMap(([pod, { labels, source }]) => {
      if (labels["quarantine"] !== "true") return [];
      const rule: Rule = { name: \`quarantine of pod \${pod}\`, source };
      return [[pod, rule]];
    })),
  attach: (rules) => {
    const check: Handler = (_, { pod }) => {
      const rule = rules.get(\`\${pod?.namespace}/\${pod?.name}\`);
      return rule && { kind: "drop", reason: "QUARANTINE", rule };
    };
    return { send: check, receive: check };
  },
});
`;
}

function testText(name: string): string {
  return `import { assertEquals } from "@std/assert";
import {
  checkPlugin,
  replay,
  runFlows,
  stackOf,
  standardTape,
} from "plumbline";
import plugin from "./mod.ts";

const MANIFESTS = \`
kind: Node
apiVersion: v1
metadata: {name: n1}
spec: {podCIDR: 10.0.1.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
kind: Pod
apiVersion: v1
metadata: {name: ill, namespace: shop, labels: {quarantine: "true"}}
spec: {nodeName: n1, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.10}]}
---
kind: Pod
apiVersion: v1
metadata: {name: well, namespace: shop}
spec: {nodeName: n1, containers: [{name: main}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.11}]}
\`;

Deno.test("${name} keeps every law of the engine", () => {
  const broken = checkPlugin(plugin).filter(({ broken }) => broken !== null);
  assertEquals(broken, []);
});

Deno.test("${name} drops both ways, and cites the pod", () => {
  const results = runFlows({
    manifests: MANIFESTS,
    stack: [[plugin]],
    flows: [
      { from: "pod/shop/ill", to: "tcp://203.0.113.9:443" },
      { from: "pod/shop/well", to: "tcp://10.0.1.10:80" },
      { from: "pod/shop/well", to: "tcp://203.0.113.9:443" },
    ],
  });
  assertEquals(
    results.map(({ outcome }) => [outcome.verdict, outcome.rule?.source?.line]),
    [["dropped", 8], ["dropped", 8], ["forwarded", undefined]],
  );
});

Deno.test("${name} leaves a cluster without quarantine as it is", () => {
  const options = { seed: 1, trace: "outcome" } as const;
  const alone = replay(standardTape(), stackOf(), options);
  const with_ = replay(standardTape(), stackOf([plugin]), options);
  assertEquals(with_.hash, alone.hash);
});
`;
}

function readmeText(name: string): string {
  return `# ${name}

Pods labelled \`quarantine: "true"\` send nothing and receive nothing.

A plugin for Plumbline: \`mod.ts\` is the plugin, \`mod_test.ts\` says what it
promises. It imports its own files and \`plumbline\`, nothing else, so that it can
run in the sandbox for third-party plugins.

Not covered: hostNetwork pods, which have no link of their own. Their packets
take the way of their node, past \`from-pod\` and \`to-pod\`.

Where to go from here:

1. Change \`mod_test.ts\` to say what you want, and see it fail.
2. Choose the hooks that the real thing acts at, and the objects it reads.
3. Cite in \`models\` what you claim of it, and where that is written.
`;
}
