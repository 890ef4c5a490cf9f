import { assertEquals } from "@std/assert";
import { describeOptions, optionsSchema, settingsOf } from "./options.ts";

Deno.test("optionsSchema reads Helm values, texts for booleans included", () => {
  const options = optionsSchema.parse({
    values: { kubeProxyReplacement: "true", bpf: { masquerade: true } },
  });
  const settings = settingsOf(options);
  assertEquals(settings.socketLb, "all");
  assertEquals(settings.hostRouting, true);
  assertEquals(settings.minor, 18);
  const legacy = settingsOf(optionsSchema.parse(undefined));
  assertEquals(legacy.socketLb, "off");
  assertEquals(legacy.hostRouting, false);
  assertEquals(legacy.masquerade, "iptables");
});

Deno.test("optionsSchema refuses values that contradict each other", () => {
  const problems = (values: Record<string, unknown>) =>
    optionsSchema.safeParse({ values }).error?.issues
      .map(({ message }) => message) ?? [];
  assertEquals(
    problems({ kubeProxyReplacement: true, socketLB: { enabled: false } }),
    ["kubeProxyReplacement needs the socket load balancer"],
  );
  assertEquals(problems({ loadBalancer: { mode: "dsr" } }), [
    "mode dsr needs kubeProxyReplacement: true",
  ]);
  assertEquals(problems({ enableRemoteNodeMasquerade: true }), [
    "remote node masquerade needs bpf.masquerade: true",
  ]);
  assertEquals(problems({ ipv4NativeRoutingCIDR: "10.0.0.0/40" }).length, 1);
});

Deno.test("describeOptions() lists values that are not modelled", () => {
  const options = optionsSchema.parse({
    values: {
      kubeProxyReplacment: true,
      encryption: {},
      bgp: { enabled: true },
      loadBalancer: { serviceTopology: true },
    },
  });
  assertEquals(describeOptions(options), [
    "values.bgp is not modelled",
    "values.kubeProxyReplacment is not modelled; did you mean kubeProxyReplacement?",
    "values.loadBalancer.serviceTopology is not modelled",
  ]);
});
