/**
 * The kernel stack against what kernels said before, and against the plugin
 * that models it. Needs root, TUN devices and the tools; else it says what is
 * missing and runs nothing.
 */
import { gunzipSync } from "node:zlib";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fuzzCase } from "../app/kernel/fuzz_case.ts";
import { FUZZ_SETS } from "../app/kernel/fuzz_router.ts";
import { rulesText } from "../app/kernel/fuzz_rules.ts";
import { KernelSide } from "../app/kernel/kernel_side.ts";
import kernelStack from "../app/kernel/kernel_stack.ts";
import {
  CASE_LINKS,
  caseHost,
  type CaseStep,
  type RuleHits,
  runCase,
  runSteps,
  sortedHits,
  type StepResult,
} from "../app/kernel/run_case.ts";
import { casePacketBytes } from "../app/kernel/case_packet.ts";
import { makeTape, newEvent } from "../core/event.ts";
import { importManifests } from "../core/import/manifests.ts";
import { replay } from "../core/replay/engine.ts";
import type { Outcome } from "../core/replay/outcome.ts";
import { flowIntent, runFlows, stackOf } from "../core/replay/testing.ts";
import { SHOP, SHOP_FLOWS, WEB } from "./_kernel_cluster.ts";
import iptables from "../plugins/iptables/mod.ts";
import {
  type Backend,
  closeKernels,
  kernelAvailable,
  KernelHost,
} from "../plugins/kernel/mod.ts";

const CONFORMANCE = new URL("../../shared/conformance/", import.meta.url);
const BACKENDS: readonly Backend[] = ["legacy", "nft"];
/** What the recorded rule sets asked about; not recorded with them, but their hits tell. */
const RECORDED_SETS = `create ips hash:ip
add ips 10.0.0.2
add ips 10.180.0.9
create ipport hash:ip,port
add ipport 10.0.0.2,tcp:80
create nets hash:net
add nets 203.0.113.0/24
add nets 10.180.0.0/16
add nets 10.180.0.1/32 nomatch
`;

/** A test that is left out, with the reason in its name, where the kernel cannot be asked. */
function kernelTest(
  name: string,
  run: () => void,
  backend: Backend = "legacy",
): void {
  const kernel = kernelAvailable(backend);
  const needed = name.startsWith("recorded") && !exists(CONFORMANCE)
    ? "../shared/conformance is missing"
    : kernel.ok
    ? null
    : kernel.why;
  Deno.test({
    name: needed === null ? name : `${name} (not run: ${needed})`,
    ignore: needed !== null,
    fn: run,
  });
}

function exists(url: URL): boolean {
  try {
    Deno.statSync(url);
    return true;
  } catch {
    return false;
  }
}

interface RecordedCase {
  readonly name: string;
  readonly rules: string;
  readonly pre: string | null;
  readonly sysctl: Readonly<Record<string, number>>;
  readonly nondet: readonly string[];
  readonly steps: readonly (CaseStep & StepResult)[];
}

for (const backend of BACKENDS) {
  kernelTest(`recorded cases come out the same again, ${backend}`, () => {
    const text = Deno.readTextFileSync(
      new URL("netfilter/kernel-cases.json", CONFORMANCE),
    );
    const { cases } = JSON.parse(text) as { cases: RecordedCase[] };
    assert(cases.length > 0);
    for (const { name, rules, pre, sysctl, nondet, steps } of cases) {
      const settings = Object.fromEntries(
        Object.entries(sysctl).map(([key, value]) =>
          [key.replaceAll(".", "/"), value] as const
        ),
      );
      const sets = pre ?? "";
      const results = runCase({ rules, sets, settings, steps }, backend);
      const comparable = ({ out, hits }: StepResult) => ({
        out: out.map(([link, packet]) =>
          typeof packet === "string"
            ? [link, packet]
            : [link, without(packet, nondet)]
        ),
        hits: sortedHits(hits),
      });
      assertEquals(results.map(comparable), steps.map(comparable), name);
    }
  }, backend);
}

kernelTest("recorded rule sets come out the same again", () => {
  const lines = new TextDecoder().decode(gunzipSync(
    Deno.readFileSync(
      new URL("netfilter/kernel-fuzz.jsonl.gz", CONFORMANCE),
    ),
  )).trim().split("\n");
  using host = caseHost("legacy");
  assert(lines.length > 0);
  for (const line of lines) {
    const { rules, steps } = JSON.parse(line) as RecordedCase;
    // What rules count among themselves starts anew with them.
    host.load("", RECORDED_SETS);
    const lengths = chainLengths(rules);
    // The recording counts the ends of chains as rules past the last.
    const isRule = ([table, chain, rule]: RuleHits) =>
      rule <= (lengths.get(`${table} ${chain}`) ?? 0);
    const comparable = ({ out, hits }: StepResult) => ({
      out,
      hits: sortedHits(hits.filter(isRule)),
    });
    const results = runSteps(host, {
      rules: `${rules}\n`,
      sets: RECORDED_SETS,
      steps,
    });
    assertEquals(results.map(comparable), steps.map(comparable), rules);
  }
});

function without(
  packet: Readonly<Record<string, unknown>>,
  fields: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(packet).filter(([field]) => !fields.includes(field)),
  );
}

function chainLengths(rules: string): Map<string, number> {
  const lengths = new Map<string, number>();
  let table = "";
  for (const line of rules.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1);
    const [, chain] = /^-A (\S+)/.exec(line) ?? [];
    if (chain === undefined) continue;
    const key = `${table} ${chain}`;
    lengths.set(key, (lengths.get(key) ?? 0) + 1);
  }
  return lengths;
}

kernelTest(
  "kernel stack does with kube-proxy's rules what the iptables plugin says",
  () => {
    const test = { manifests: SHOP, flows: SHOP_FLOWS };
    const modelled = runFlows({ ...test, stack: [[iptables]] });
    const judged = runFlows({ ...test, stack: [[kernelStack]] });
    closeKernels();
    for (const [index, { flow, outcome }] of judged.entries()) {
      const plugin = modelled[index]!.outcome;
      const name = JSON.stringify(flow);
      assertEquals(comparable(outcome), comparable(plugin), name);
      // The plugin does not tell a node's echo to itself from its answer.
      if (flow.protocol === "icmp") continue;
      assertEquals(outcome.cost.rules, plugin.cost.rules, `rules of ${name}`);
    }
  },
);

/** Rules of a printed dump have no place in a file, and the kernel looks nothing up that it says. */
function comparable({ cost: _, ...outcome }: Outcome) {
  return { ...outcome, rule: outcome.rule?.name ?? null };
}

kernelTest("kernel stack forgets connections by virtual time", () => {
  const dump = (to: string) =>
    newEvent("dump.loaded", {
      node: null,
      format: "iptables-save",
      text: `*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d 10.96.0.10/32 -p udp -j DNAT --to-destination ${to}
COMMIT
`,
      source: { file: "dump", line: 1, column: 1 },
    });
  const send = newEvent("flow.opened", {
    flow: flowIntent({
      from: "pod/shop/client",
      to: "udp://10.96.0.10:53",
      sourcePort: 5_000,
    }),
  });
  const { events } = importManifests([{ file: "shop.yaml", text: SHOP }]);
  const tape = makeTape([
    ...events.map((event) => ({ timeNs: 0, event })),
    { timeNs: 0, event: dump("10.244.1.5") },
    { timeNs: 1e9, event: send },
    { timeNs: 2e9, event: dump("10.244.2.5") },
    // A stale connection goes on to the backend that is no more ...
    { timeNs: 3e9, event: send },
    // ... until it is forgotten: after 120 s, once it had been answered.
    { timeNs: 200e9, event: send },
  ]);
  const stack = stackOf([kernelStack]);
  const { results } = replay(tape, stack, { seed: 1, trace: "outcome" });
  closeKernels();
  assertEquals(results.map(({ outcome }) => outcome.backend), [
    "10.244.1.5:53",
    "10.244.1.5:53",
    "10.244.2.5:53",
  ]);
});

for (const backend of BACKENDS) {
  kernelTest(
    `kernel stack reaches the backends of Services, ${backend}`,
    () => {
      const results = runFlows({
        manifests: SHOP,
        stack: [[kernelStack, { backend }]],
        flows: [
          ...Array.from({ length: 12 }, () => ({
            from: "pod/shop/client",
            to: "tcp://10.96.0.10:80",
          })),
          { from: "pod/shop/client", to: "tcp://10.96.0.11:80" },
          {
            from: "ip/198.51.100.200",
            via: "n1",
            to: "tcp://198.51.100.7:80",
          },
          { from: "pod/shop/client", to: "tcp://192.168.0.12:30080" },
        ],
      });
      closeKernels();
      const [empty, guarded, nodePort] = results.slice(12);
      const reached = new Set<string | null>();
      for (const { outcome } of results.slice(0, 12)) {
        assertEquals(outcome.verdict, "forwarded");
        assertEquals(outcome.source, "10.244.1.9");
        assertEquals(outcome.backends.map(({ backend }) => backend), WEB);
        reached.add(outcome.backend);
      }
      assert(reached.size > 1, "one backend got everything");
      assert([...reached].every((one) => WEB.includes(one!)));
      assertEquals(empty!.outcome.verdict, "rejected");
      assertMatch(empty!.outcome.rule!.name, /^filter KUBE-SERVICES:/);
      assertEquals(guarded!.outcome.verdict, "dropped");
      assertMatch(guarded!.outcome.rule!.name, /^filter KUBE-PROXY-FIREWALL:/);
      assertEquals(nodePort!.outcome.verdict, "forwarded");
      assertEquals(nodePort!.outcome.source, "192.168.0.12");
    },
    backend,
  );
}

kernelTest("KernelHost says by trace what it says by counters", () => {
  using counting = new KernelHost({
    backend: "legacy",
    links: CASE_LINKS,
    delivery: "alone",
    traced: false,
  });
  const traced = new KernelSide("legacy");
  try {
    for (let number = 0; number < 40; number++) {
      const { router, tables, steps } = fuzzCase(11, number);
      if (router.name !== "router") continue;
      const rules = rulesText(tables);
      const run = traced.run(rules, { router, steps });
      counting.load("", FUZZ_SETS);
      counting.load(rules, FUZZ_SETS);
      counting.forgetAll();
      for (const [index, { iface, packet }] of run.steps.entries()) {
        const before = counting.counters();
        const bytes = casePacketBytes(packet);
        if (iface === "LOCAL") counting.send(bytes);
        else counting.inject(iface, bytes);
        const counted = [...counting.counters()].flatMap(([key, packets]) => {
          const [table, chain, rule] = key.split(" ");
          const name = `${table} ${chain}:${rule}`;
          const more = rule === "0" ? 0 : packets - (before.get(key) ?? 0);
          return Array.from({ length: more }, () => name);
        });
        assertEquals(run.fates[index]!.hits.toSorted(), counted.sort());
      }
    }
  } finally {
    traced.close();
  }
});

kernelTest("KernelHost leaves the namespace of the process alone", () => {
  const here = () => ({
    namespace: Deno.readLinkSync("/proc/thread-self/ns/net"),
    links: Deno.readTextFileSync("/proc/thread-self/net/dev")
      .split("\n").map((line) => line.split(":")[0]!.trim()),
    forwarding: Deno.readTextFileSync("/proc/sys/net/ipv4/ip_forward"),
  });
  const before = here();
  {
    using host = caseHost("legacy");
    host.load("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n");
    assertEquals(here(), before);
  }
  assertEquals(here(), before);
});
