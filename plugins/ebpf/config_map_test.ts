import { assertEquals, assertThrows } from "@std/assert";
import { makeTape, newEvent } from "../../core/event.ts";
import { InputError } from "../../core/errors.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { Replay } from "../../core/replay/engine.ts";
import { flowIntent, stackOf } from "../../core/replay/testing.ts";
import plugin from "./mod.ts";
import { ending, REPLACED, SHOP } from "./_testing.ts";

function play(data: string, options: Readonly<Record<string, unknown>> = {}) {
  const config = `apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config, namespace: kube-system}
data:
${data}`;
  const text = [...SHOP, config].join("\n---\n");
  const flow = flowIntent({
    from: "pod/shop/client",
    to: "tcp://192.168.0.2:30080",
  });
  const tape = makeTape([
    ...importManifests([{ file: "test.yaml", text }]).events
      .map((event) => ({ timeNs: 0, event })),
    { timeNs: 1, event: newEvent("flow.opened", { flow }) },
  ]);
  const run = new Replay(
    stackOf([plugin, { fromConfigMap: true, ...options }]),
    { seed: 1, trace: "full" },
  );
  const results = tape.flatMap((event) => run.apply(event) ?? []);
  return { warnings: run.warnings, ending: ending(results[0]!) };
}

Deno.test("cilium-config is read under the agent's own keys", () => {
  const on = play('  kube-proxy-replacement: "true"');
  assertEquals(on.ending, "10.0.1.10 > 10.0.2.10:8080");
  const old = play('  kube-proxy-replacement: "strict"');
  assertEquals(old.ending, on.ending);
  const off = play('  kube-proxy-replacement: "false"', { values: REPLACED });
  assertEquals(off.ending.split(" ")[0], "refused");
});

Deno.test("cilium-config counts only where it is asked for", () => {
  const { ending } = play('  kube-proxy-replacement: "false"', {
    fromConfigMap: false,
    values: REPLACED,
  });
  assertEquals(ending, "10.0.1.10 > 10.0.2.10:8080");
});

Deno.test("keys of cilium-config that are not modelled are listed, those that cannot matter are not", () => {
  const { warnings } = play(`  debug: "false"
  enable-srv6: "true"
  kube-proxy-replacment: "true"`);
  assertEquals(warnings, [
    "cilium-config enable-srv6 is not modelled",
    "cilium-config kube-proxy-replacment is not modelled; did you mean kube-proxy-replacement?",
  ]);
});

Deno.test("keys of cilium-config that contradict each other are errors, with their place", () => {
  const error = assertThrows(
    () =>
      play(`  kube-proxy-replacement: "true"
  bpf-lb-sock: "false"
  routing-mode: sideways`),
    InputError,
  );
  assertEquals(
    error.problems.map(({ message, at }) => `${at.line} ${message}`)
      .map((line) => line.replace(/^\d+ /, "")).sort()[0],
    'Cannot use routing-mode of cilium-config: Invalid option: expected one of "native"|"tunnel"',
  );
  const other = assertThrows(
    () => play('  kube-proxy-replacement: "true"\n  bpf-lb-sock: "false"'),
    InputError,
  );
  assertEquals(other.problems.map(({ message }) => message), [
    "Cannot use bpf-lb-sock of cilium-config: kubeProxyReplacement needs the socket load balancer",
  ]);
});

Deno.test("cilium-config: forwarding, acceleration, redirects and the host firewall are known, and what is refused of them is", () => {
  const known = play(`  kube-proxy-replacement: "true"
  bpf-lb-mode: hybrid
  bpf-lb-dsr-dispatch: geneve
  tunnel-protocol: geneve
  bpf-lb-acceleration: best-effort
  bpf-lb-mode-annotation: "false"
  enable-local-redirect-policy: "true"
  lrp-address-matcher-cidrs: 169.254.0.0/16 fd00::/8
  enable-host-firewall: "true"
  enable-node-selector-labels: "true"`);
  assertEquals(known.warnings, []);
  const problems = (data: string) =>
    assertThrows(() => play(data), InputError).problems
      .map(({ message }) => message);
  assertEquals(
    problems(`  kube-proxy-replacement: "true"
  bpf-lb-mode: dsr
  bpf-lb-dsr-dispatch: opt
  routing-mode: tunnel
  tunnel-protocol: geneve`),
    [
      "Cannot use bpf-lb-dsr-dispatch of cilium-config: dispatch opt cannot be used with a tunnel, geneve can",
    ],
  );
  assertEquals(
    problems(`  kube-proxy-replacement: "false"
  bpf-lb-acceleration: native`),
    [
      "Cannot use bpf-lb-acceleration of cilium-config: acceleration native needs kubeProxyReplacement: true",
    ],
  );
});
