import { Cluster } from "../../core/cluster/cluster.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import { compilePolicies } from "../../plugins/ebpf/compile_policies.ts";
import { policyEntries } from "../../plugins/ebpf/maps/policy/policy_entries.ts";
import { PolicyMap } from "../../plugins/ebpf/maps/policy/policy_map.ts";
import { optionsSchema, settingsOf } from "../../plugins/ebpf/options.ts";
import { listOf, podManifest } from "./_policy_case.ts";
import type { CaseResult, Suite } from "./suite.ts";

/** The desired policy map of every combination of eight rules (Cilium, pkg/policy, Test_MergeRules). */
export const ciliumPolicyMap: Suite = {
  name: "cilium/policymap",
  *run(directory) {
    const table: Table = JSON.parse(
      Deno.readTextFileSync(`${directory}/mergerules.json`),
    );
    for (const one of table.cases) yield judge(one, table);
  },
};

interface Table {
  readonly ruleDefinitions: Readonly<Record<string, object>>;
  readonly cases: readonly Row[];
}

interface Row {
  readonly case: number;
  readonly rules: readonly string[];
  readonly policyMapIngress: readonly Entry[];
}

interface Entry {
  readonly identity: "foo" | "*";
  readonly port: "80/TCP" | "*";
  readonly action: "allow" | "deny";
  readonly proxyRedirect: boolean;
}

/** The identity of the subject and of its peer, and of someone else. */
const FOO = 256;
const OTHER = 257;

const PROXY_PORTS = { http: 10_001, tls: 10_001, dns: 10_002, other: 10_003 };

function judge(row: Row, { ruleDefinitions }: Table): CaseResult {
  const id = `${row.case} ${row.rules.join(" ")}`;
  const { entries, unmodelled } = entriesOf(
    row.rules.map((name) => ruleDefinitions[name]!),
  );
  if (unmodelled.length > 0) {
    return { id, status: "unknown", actual: unmodelled.join(", ") };
  }
  const expected = withoutRepeated(row.policyMapIngress).map(entryText).sort();
  const actual = entries.filter(({ key }) => !key.egress).map((entry) =>
    entryText({
      identity: entry.key.identity === 0 ? "*" : "foo",
      port: entry.key.protocol === 0 ? "*" : "80/TCP",
      action: entry.deny ? "deny" : "allow",
      proxyRedirect: entry.proxyPort !== 0,
    })
  ).sort();
  const map = new PolicyMap();
  map.write(entries);
  for (const identity of [FOO, OTHER]) {
    for (const port of [80, 81]) {
      const wanted = answerOf(row.policyMapIngress, { identity, port });
      const found = map.find({
        identity,
        port,
        egress: false,
        protocol: PROTOCOL.tcp,
      });
      const got = found === undefined || found.deny === 1
        ? "deny"
        : found.proxy_port === 0
        ? "allow"
        : "redirect";
      expected.push(`${identity}:${port} ${wanted}`);
      actual.push(`${identity}:${port} ${got}`);
    }
  }
  return actual.join("; ") === expected.join("; ")
    ? { id, status: "passed" }
    : {
      id,
      status: "failed",
      expected: expected.join("; "),
      actual: actual.join("; "),
    };
}

/** The plugin's own way from manifests to entries, for an endpoint with the label foo=blue. */
function entriesOf(rules: readonly object[]) {
  const pod = (name: string, ip: string, labels: Record<string, string>) =>
    podManifest({ namespace: "default", name, labels, ip, ports: [] });
  const { events } = importManifests([{
    file: "case.json",
    text: listOf([
      pod("subject", "10.0.0.1", { foo: "blue" }),
      pod("other", "10.0.0.3", { bar: "red" }),
      ...rules.map((rule, at) => ({
        apiVersion: "cilium.io/v2",
        kind: "CiliumNetworkPolicy",
        metadata: { name: `rule-${at}`, namespace: "default" },
        spec: { endpointSelector: { matchLabels: { foo: "blue" } }, ...rule },
      })),
    ]),
  }]);
  const cluster = new Cluster();
  const objects = events.flatMap((event) => {
    cluster.apply(event);
    return event.type === "policy.applied" ? [event.data.object] : [];
  });
  const { index } = compilePolicies(objects, {
    cluster,
    settings: settingsOf(optionsSchema.parse({ version: "1.20" })),
  });
  const subject = index.partyOf(cluster.pods.get("default/subject")!);
  const other = index.partyOf(cluster.pods.get("default/other")!);
  return policyEntries({
    subject,
    rules: {
      ingress: index.rulesOf(subject, "ingress"),
      egress: index.rulesOf(subject, "egress"),
    },
    identities: [
      { identity: FOO, party: subject },
      { identity: OTHER, party: other },
    ],
    proxyPorts: PROXY_PORTS,
    allowLocalhost: false,
    sctp: false,
    anyone: [0],
  });
}

/**
 * The table lists what each key should say; the agent leaves out what a
 * broader entry says in the same words: a redirect that the entry for anyone
 * on the port has too (toMapState, "existing identical L4-only key"), and a
 * denial under a denial of the whole identity (insertWithChanges).
 */
function withoutRepeated(entries: readonly Entry[]): Entry[] {
  const has = (wanted: Partial<Entry>) =>
    entries.some((entry) =>
      Object.entries(wanted).every(([name, value]) =>
        entry[name as keyof Entry] === value
      )
    );
  return entries.filter((entry) => {
    if (entry.identity !== "foo" || entry.port === "*") return true;
    return entry.action === "deny"
      ? !has({ identity: "foo", port: "*", action: "deny" })
      : !entry.proxyRedirect ||
        !has({ identity: "*", port: "80/TCP", proxyRedirect: true });
  });
}

/** The answer of a row: a denial first, then the proxy. */
function answerOf(
  entries: readonly Entry[],
  { identity, port }: { readonly identity: number; readonly port: number },
): "deny" | "redirect" | "allow" {
  const matching = entries.filter((entry) =>
    (entry.identity === "*" || identity === FOO) &&
    (entry.port === "*" || port === 80)
  );
  if (matching.length === 0 || matching.some((one) => one.action === "deny")) {
    return "deny";
  }
  return matching.some((one) => one.proxyRedirect) ? "redirect" : "allow";
}

function entryText(
  { identity, port, action, proxyRedirect }: Entry,
): string {
  return `${identity} ${port} ${action}${proxyRedirect ? " redirect" : ""}`;
}
