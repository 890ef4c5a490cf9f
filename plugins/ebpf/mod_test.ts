import { assertEquals } from "@std/assert";
import { checkPlugin } from "../../core/replay/check_plugin.ts";
import plugin from "./mod.ts";

const INSTALLATIONS: Readonly<Record<string, Record<string, unknown>>> = {
  "beside kube-proxy": {},
  "without kube-proxy": {
    kubeProxyReplacement: true,
    bpf: { masquerade: true },
  },
  "with sockets left alone": {
    kubeProxyReplacement: true,
    socketLB: { hostNamespaceOnly: true },
    sessionAffinity: true,
  },
  "with XDP, direct server return, redirects and the host firewall": {
    kubeProxyReplacement: true,
    bpf: { masquerade: true },
    loadBalancer: { mode: "dsr", acceleration: "native" },
    localRedirectPolicies: { enabled: true },
    hostFirewall: { enabled: true },
    nodeSelectorLabels: true,
  },
  "in tunnel mode, always enforcing": {
    routingMode: "tunnel",
    policyEnforcementMode: "always",
  },
};

for (const [words, values] of Object.entries(INSTALLATIONS)) {
  Deno.test(`ebpf keeps the laws of plugins ${words}`, () => {
    const options = { values, identityDelayMs: 10 };
    const broken = checkPlugin(plugin, { options })
      .filter((check) => check.broken !== null);
    assertEquals(broken, []);
  });
}
