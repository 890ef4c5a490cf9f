import { importManifests } from "../../core/import/manifests.ts";
import type { FlowResult } from "../../core/replay/engine.ts";
import { runFlows } from "../../core/replay/testing.ts";
import ebpf from "../../plugins/ebpf/mod.ts";
import mesh from "../../plugins/mesh/mod.ts";
import type { Suite } from "./suite.ts";

/** Outcome tables that Cilium's documentation prints, run on the manifests it prints them for. */
export const ciliumDocumented: Suite = {
  name: "cilium/documented-outcomes",
  *run(directory) {
    const files = [...Deno.readDirSync(directory)].map(({ name }) => name)
      .sort();
    for (const id of files) {
      const table = JSON.parse(Deno.readTextFileSync(`${directory}/${id}`));
      const samples = `${directory}/../../../samples/${table.manifests}`;
      if (!exists(samples)) {
        yield { id, status: "unknown", actual: `${samples} is missing` };
        continue;
      }
      const read = (name: string) =>
        Deno.readTextFileSync(`${samples}/${name}`);
      const faults = table.cases === undefined
        ? meshFaults(table.codes, read)
        : policyFaults(table.cases, read);
      yield faults.length === 0
        ? { id, status: "passed" }
        : { id, status: "failed", actual: faults.join("; ") };
    }
  },
};

type Read = (name: string) => string;

/** The table of the getting started guide. */
function policyFaults(
  cases: readonly {
    readonly policy: string | null;
    readonly from: string;
    /** `POST /v1/request-landing`. */
    readonly request: string;
    readonly outcome: string;
  }[],
  read: Read,
): string[] {
  const application = read("http-sw-app.yaml");
  return cases.flatMap(({ policy, from, request, outcome }) => {
    const [method, path] = request.split(" ");
    const [result] = runFlows({
      manifests: policy === null
        ? application
        : joined([application, read(policy)]),
      stack: [[ebpf, { values: { kubeProxyReplacement: true } }]],
      flows: [{
        from: `pod/default/${from}`,
        to: "tcp://deathstar.default:80",
        http: {
          method: method!,
          url: `http://deathstar.default.svc.cluster.local${path}`,
        },
      }],
    });
    const [got, wanted] = [codeOf(result!), WORDS[outcome] ?? outcome];
    return got === wanted
      ? []
      : [`${policy} ${from} ${request}: ${wanted} not ${got}`];
  });
}

const WORDS: Readonly<Record<string, string>> = {
  "Ship landed": "200",
  "reaches backend (panic page)": "200",
  "403 Access denied": "403",
  "timeout (dropped)": "000 timeout",
};

const NAMESPACES = ["red", "blue", "green"];

/**
 * The table of the page on Istio: sidecars in red and blue, none in green; the
 * policies are of blue, and mutual TLS is switched off in red and blue.
 */
function meshFaults(
  codes: Readonly<Record<string, Readonly<Record<string, string | number>>>>,
  read: Read,
): string[] {
  const application = joined([
    ...NAMESPACES.map((name) =>
      `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}, labels: {${
        name === "green" ? "" : "istio-injection: enabled"
      }}}}`
    ),
    ...NAMESPACES.flatMap((name) => [
      within(name, read("httpbin.yaml")),
      within(name, read("netshoot.yaml")),
    ]),
  ]);
  const clients = clientsOf(application);
  return Object.entries(codes).flatMap(([setup, rows]) => {
    const policies = [...setup.matchAll(/[\w-]+\.yaml/g)].flatMap(([file]) =>
      (file === "authn.yaml" ? ["red", "blue"] : ["blue"])
        .map((name) => within(name, read(file)))
    );
    const asked = Object.keys(rows).map((row) => {
      const [pair, method = "GET", path = "/ip"] = row.split(" ");
      const [from, to] = pair!.split("->");
      return { from: from!, to: to!, method, path };
    });
    const results = runFlows({
      manifests: joined([application, ...policies]),
      stack: [
        [ebpf, {
          values: {
            kubeProxyReplacement: true,
            socketLB: { hostNamespaceOnly: true },
          },
        }],
        [mesh],
      ],
      flows: asked.map(({ from, to, method, path }) => ({
        from: `pod/${from}/${clients.get(from)}`,
        to: `tcp://httpbin.${to}:80`,
        http: { method, url: `http://httpbin.${to}${path}` },
      })),
    });
    return Object.entries(rows).flatMap(([row, code], index) => {
      const got = codeOf(results[index]!);
      return got === `${code}` ? [] : [`${setup} ${row}: ${code} not ${got}`];
    });
  });
}

/** Puts every object of a manifest into a namespace. */
function within(namespace: string, manifest: string): string {
  return joined(
    manifest.split(/^---$/m).map((document) =>
      document.replace(/^metadata:$/m, `metadata:\n  namespace: ${namespace}`)
    ),
  );
}

/** The pod that curls, by namespace. */
function clientsOf(manifests: string): Map<string, string> {
  const { events } = importManifests([{ file: "mesh", text: manifests }]);
  return new Map(
    events.flatMap((event) =>
      event.type === "pod.applied" && event.data.pod.name.startsWith("netshoot")
        ? [[event.data.pod.namespace, event.data.pod.name]]
        : []
    ),
  );
}

function joined(documents: readonly string[]): string {
  return documents.join("\n---\n");
}

/** What curl prints for a flow. */
function codeOf({ outcome }: FlowResult): string {
  if (outcome.http !== null) return `${outcome.http.status}`;
  return outcome.verdict === "dropped" ? "000 timeout" : outcome.verdict;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
