import { assert, assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../core/errors.ts";
import { parseScenario } from "../core/scenario/parse_scenario.ts";
import { loadStack, stackNamed } from "./load_stack.ts";
import { PLUGINS, PRESETS } from "./presets.ts";

/** Loads the one stack that a line of YAML describes. */
function load(stack: string) {
  const scenario = parseScenario(
    `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: stacks}
steps: []
stacks:
  it: ${stack}`,
    { file: "s.yaml" },
  );
  return loadStack(scenario.stacks![0]!);
}

async function pluginsOf(stack: string): Promise<string[]> {
  const { plugins } = await load(stack);
  return plugins.map(({ plugin }) => plugin.manifest.name);
}

async function problemsOf(stack: string): Promise<string[]> {
  const error = await assertRejects(() => load(stack), InputError);
  return error.problems.map(({ at, message, didYouMean }) =>
    `${at.line}:${at.column} ${message}` +
    (didYouMean === undefined ? "" : ` / ${didYouMean}?`)
  );
}

Deno.test("loadStack() loads every preset and every plugin by itself", async () => {
  for (const name of [...Object.keys(PRESETS), ...Object.keys(PLUGINS)]) {
    const { plugins } = await loadStack(stackNamed(name));
    assertEquals(plugins.length, 1, name);
  }
  const { plugins } = await loadStack(stackNamed("plugins/mesh"));
  assertEquals(plugins[0]?.plugin.manifest.name, "mesh");
});

Deno.test("loadStack() brings in what Cilium's values ask for", async () => {
  assertEquals(await pluginsOf("cilium"), ["ebpf"]);
  assertEquals(
    await pluginsOf("{use: cilium, values: {kubeProxyReplacement: false}}"),
    ["ebpf", "iptables"],
  );
  assertEquals(
    await pluginsOf('{use: cilium, values: {kubeProxyReplacement: "false"}}'),
    ["ebpf", "iptables"],
  );
  assertEquals(
    await pluginsOf(
      "{use: cilium, values: {encryption: {enabled: true, type: wireguard, nodeEncryption: true}}}",
    ),
    ["ebpf", "wireguard"],
  );
  const { plugins } = await load(
    "{use: cilium, values: {encryption: {enabled: true, type: wireguard, nodeEncryption: true}}}",
  );
  const options = plugins[1]?.options as { nodeEncryption: boolean };
  assertEquals(options.nodeEncryption, true);
});

Deno.test("loadStack() uses a plugin once, with the options given to it by itself", async () => {
  const { plugins } = await load(
    "[{use: cilium, values: {kubeProxyReplacement: false}}, {use: kube-proxy, clusterCIDR: 10.0.0.0/8}]",
  );
  const names = plugins.map(({ plugin }) => plugin.manifest.name);
  assertEquals(names.toSorted(), ["ebpf", "iptables"]);
  const kubeProxy = plugins[names.indexOf("iptables")]!;
  assertEquals(
    (kubeProxy.options as { clusterCIDR: string }).clusterCIDR,
    "10.0.0.0/8",
  );
  assertEquals(await problemsOf("[istio, {use: mesh}]"), [
    "6:15 Cannot use mesh: the stack has plugin mesh already, by istio",
  ]);
});

Deno.test("loadStack() gives single nodes plugins of their own", async () => {
  const stack = await load("{default: kube-proxy, nodes: {n2: [cilium]}}");
  assertEquals(stack.plugins[0]?.plugin.manifest.name, "iptables");
  assertEquals(stack.nodes["n2"]?.[0]?.plugin.manifest.name, "ebpf");
});

Deno.test("loadStack() points at options that there are not", async () => {
  assertEquals(await problemsOf("{use: kube-proxi}"), [
    "6:8 Cannot use kube-proxi: there is no such preset or plugin / kube-proxy?",
  ]);
  assertEquals(await problemsOf("{use: istio, mdoe: ambient}"), [
    "6:20 Cannot use istio: there is no option mdoe / mode?",
  ]);
  assertEquals(
    await problemsOf(
      "{use: cilium, values: {kubeProxyReplacment: true, socketLB: {hostNamespaceOnli: true}}}",
    ),
    [
      "6:30 Cannot use cilium: there is no option values.kubeProxyReplacment / kubeProxyReplacement?",
      "6:68 Cannot use cilium: there is no option values.socketLB.hostNamespaceOnli / hostNamespaceOnly?",
    ],
  );
});

Deno.test("loadStack() points at values that an option cannot have", async () => {
  const [first, ...rest] = await problemsOf("{use: istio, mode: sidecart}");
  assertEquals(rest, []);
  assert(first?.startsWith("6:20 Cannot use mode of istio: "), first);
  assertEquals(
    await problemsOf(
      "{use: cilium, values: {encryption: {enabled: true, type: ipsec}}}",
    ),
    ["6:58 Cannot use encryption of type ipsec: it is not modelled"],
  );
  const mode = await problemsOf("{use: kube-proxy, mode: userspace}");
  assert(mode[0]?.startsWith("6:25 Cannot use mode of kube-proxy: "), mode[0]);
});

Deno.test("loadStack() lets Helm values pass that nothing here models", async () => {
  assertEquals(
    await pluginsOf("{use: cilium, values: {hubble: {enabled: true}}}"),
    ["ebpf"],
  );
});
