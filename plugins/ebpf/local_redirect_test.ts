import { assert, assertEquals } from "@std/assert";
import { importManifests } from "../../core/import/manifests.ts";
import { makeTape, newEvent } from "../../core/event.ts";
import { Replay } from "../../core/replay/engine.ts";
import {
  flowIntent,
  type ShortFlow,
  stackOf,
} from "../../core/replay/testing.ts";
import plugin from "./mod.ts";
import {
  ending,
  networkPolicy,
  pod,
  REPLACED,
  run,
  service,
  SHOP,
} from "./_testing.ts";

const ON = { ...REPLACED, localRedirectPolicies: { enabled: true } };
const PER_PACKET = { ...ON, socketLB: { hostNamespaceOnly: true } };

const DNS_PORTS =
  "{name: dns, containerPort: 53, protocol: UDP}, {name: dns-tcp, containerPort: 53}";

/** A cache of names on n1 alone, in the place of the cluster's own. */
function cached(
  { ready = true, more = "" }: {
    readonly ready?: boolean;
    readonly more?: string;
  } = {},
): readonly string[] {
  const cache = pod("cache", {
    node: "n1",
    ip: "10.0.1.53",
    ports: DNS_PORTS,
  });
  return [
    ...SHOP,
    pod("dns", { node: "n2", ip: "10.0.2.53", ports: DNS_PORTS }),
    pod("far", { node: "n2", ip: "10.0.2.99" }),
    ready ? cache : cache.replace(
      "phase: Running",
      'phase: Running, conditions: [{type: Ready, status: "False"}]',
    ),
    service("dns", {
      ip: "10.96.0.10",
      port:
        "{name: dns, protocol: UDP, port: 53, targetPort: 53}, {name: dns-tcp, port: 53, targetPort: 53}",
    }),
    redirect(
      "cache",
      `{redirectFrontend: {serviceMatcher: {serviceName: dns, namespace: shop}},
  redirectBackend: {localEndpointSelector: {matchLabels: {app: cache}}, toPorts: [{port: "53", name: dns, protocol: UDP}, {port: "53", name: dns-tcp, protocol: TCP}]}${more}}`,
    ),
  ];
}

function redirect(name: string, spec: string): string {
  return `kind: CiliumLocalRedirectPolicy
apiVersion: cilium.io/v2
metadata: {name: ${name}, namespace: shop}
spec: ${spec}`;
}

function opened(flow: ShortFlow, index: number) {
  return newEvent("flow.opened", { flow: flowIntent(flow, index) });
}

const FROM = ["pod/shop/client", "node/n1", "pod/shop/far"];

function asked(
  documents: readonly string[],
  values: Readonly<Record<string, unknown>>,
  to = "udp://10.96.0.10:53",
): (string | null)[] {
  const flows = FROM.map((from) => ({ from, to }));
  return run(documents, { values, flows }).map(({ outcome }) =>
    outcome.backend ?? outcome.reason
  );
}

Deno.test("a node-local DNS cache answers on its node, the Service on all others", () => {
  for (const values of [ON, PER_PACKET]) {
    for (const to of ["udp://10.96.0.10:53", "tcp://10.96.0.10:53"]) {
      assertEquals(asked(cached(), values, to), [
        "10.0.1.53:53",
        "10.0.1.53:53",
        "10.0.2.53:53",
      ]);
    }
  }
});

Deno.test("the Service answers where no pod of the redirect is ready, or redirect is off", () => {
  const service = ["10.0.2.53:53", "10.0.2.53:53", "10.0.2.53:53"];
  assertEquals(asked(cached({ ready: false }), ON), service);
  assertEquals(asked(cached(), REPLACED), service);
  assertEquals(asked(cached(), { ...REPLACED, localRedirectPolicy: true }), [
    "10.0.1.53:53",
    "10.0.1.53:53",
    "10.0.2.53:53",
  ]);
});

Deno.test("a redirect of one port leaves the others to the Service", () => {
  const documents = cached().map((text) =>
    text.replace(
      "namespace: shop}},\n  redirectBackend",
      'namespace: shop, toPorts: [{port: "53", name: dns, protocol: UDP}]}},\n  redirectBackend',
    )
  );
  assertEquals(asked(documents, ON)[0], "10.0.1.53:53");
  assertEquals(asked(documents, ON, "tcp://10.96.0.10:53")[0], "10.0.2.53:53");
});

Deno.test("egress policy is judged on the pod that a redirect leads to", () => {
  const closed = networkPolicy(
    "dns-only",
    "{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: dns}}}]}]}",
  );
  const [client] = run([...cached(), closed], {
    values: ON,
    flows: [{ from: FROM[0]!, to: "udp://10.96.0.10:53" }],
  });
  assertEquals(ending(client!), "dropped POLICY_DENIED at n1 from-pod");
});

/** Instance metadata, answered by a pod on n1. */
function metadata(more = ""): readonly string[] {
  return [
    ...SHOP,
    pod("far", { node: "n2", ip: "10.0.2.99" }),
    pod("proxy", {
      node: "n1",
      ip: "10.0.1.80",
      ports: "{containerPort: 8181}",
    }),
    redirect(
      "metadata",
      `{redirectFrontend: {addressMatcher: {ip: 169.254.169.254, toPorts: [{port: "80", protocol: TCP}]}},
  redirectBackend: {localEndpointSelector: {matchLabels: {app: proxy}}, toPorts: [{port: "8181", protocol: TCP}]}${more}}`,
    ),
  ];
}

Deno.test("an address is redirected on the node that has a pod for it, and goes out elsewhere", () => {
  for (const values of [ON, PER_PACKET]) {
    const flows = [...FROM, "pod/shop/proxy"].map((from) => ({
      from,
      to: "tcp://169.254.169.254:80",
    }));
    const backends = (more?: string) =>
      run(metadata(more), { values, flows }).map(({ outcome }) =>
        outcome.backend
      );
    const local = "10.0.1.80:8181";
    const out = "169.254.169.254:80";
    assertEquals(backends(), [local, local, out, local]);
    assertEquals(backends(", skipRedirectFromBackend: true"), [
      local,
      local,
      out,
      out,
    ]);
  }
});

Deno.test("an address matcher does not take an address that a Service has", () => {
  const documents = metadata().map((text) =>
    text.replace("ip: 169.254.169.254", "ip: 10.96.0.3")
  );
  assertEquals(asked(documents, ON, "tcp://10.96.0.3:80")[0], "10.0.2.10:8080");
});

Deno.test("a redirect ends with its last pod, and begins with the first", () => {
  const events = importManifests([
    { file: "test.yaml", text: metadata().join("\n---\n") },
  ]).events;
  const gone = importManifests([{
    file: "gone.yaml",
    text: pod("proxy", {
      node: "n1",
      ip: "10.0.1.80",
      ports: "{containerPort: 8181}",
      phase: "Succeeded",
    }),
  }]).events.filter(({ type }) => type === "pod.applied");
  const flow = { from: FROM[0]!, to: "tcp://169.254.169.254:80" };
  const replay = new Replay(stackOf([plugin, { values: ON }]), {
    seed: 1,
    trace: "outcome",
  });
  const tape = makeTape([
    ...events.map((event) => ({ timeNs: 0, event })),
    { timeNs: 1, event: opened(flow, 1) },
    ...gone.map((event) => ({ timeNs: 2, event })),
    { timeNs: 3, event: opened(flow, 3) },
  ]);
  assertEquals(
    tape.flatMap((event) => replay.apply(event) ?? [])
      .map(({ outcome }) => outcome.backend),
    ["10.0.1.80:8181", "169.254.169.254:80"],
  );
});

Deno.test("what the agent does not load is told, and does nothing", () => {
  const problems = (
    from: string,
    to: string,
    values: Readonly<Record<string, unknown>> = ON,
  ) => {
    const text = metadata().map((one) => one.replace(from, to)).join("\n---\n");
    const replay = new Replay(stackOf([plugin, { values }]), {
      seed: 1,
      trace: "outcome",
    });
    for (
      const event of makeTape([
        ...importManifests([{ file: "test.yaml", text }]).events
          .map((event) => ({ timeNs: 0, event })),
        {
          timeNs: 1,
          event: opened({
            from: FROM[0]!,
            to: "tcp://10.96.0.3:80",
          }, 1),
        },
      ])
    ) replay.apply(event);
    return replay.warnings.map((text) =>
      text.replace("CiliumLocalRedirectPolicy shop/metadata ", "")
    );
  };
  assertEquals(problems("", ""), []);
  assertEquals(problems("", "", REPLACED), [
    "does nothing: local redirect is off",
  ]);
  assertEquals(
    problems("addressMatcher: {", "serviceMatcher: {namespace: other, "),
    ["is not loaded: the Service is in another namespace"],
  );
  assertEquals(problems("addressMatcher", "adressMatcher"), [
    "is not loaded: neither addressMatcher nor serviceMatcher",
  ]);
  assertEquals(
    problems(
      'toPorts: [{port: "8181", protocol: TCP}]',
      'toPorts: [{port: "8181", protocol: UDP}]',
    ),
    ["is not loaded: redirectBackend has another protocol"],
  );
  const narrow = {
    ...ON,
    localRedirectPolicies: {
      enabled: true,
      addressMatcherCIDRs: ["10.0.0.0/8"],
    },
  };
  assert(problems("", "", narrow)[0]!.includes("is outside"));
});
