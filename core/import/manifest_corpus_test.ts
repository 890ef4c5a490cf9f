import { assert, assertEquals } from "@std/assert";
import { Cluster } from "../cluster/cluster.ts";
import { InputError } from "../errors.ts";
import { importManifests, type ManifestFile } from "./manifests.ts";

const SAMPLES = "../shared/samples/manifests";
const NP_GUARD = "../shared/conformance/network-policy/np-guard/tests";

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    Deno.stdout.writeSync(
      new TextEncoder().encode(`not run: ${path} is missing\n`),
    );
    return false;
  }
}

function filesBelow(path: string): ManifestFile[] {
  return [...Deno.readDirSync(path)]
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .flatMap(({ name, isDirectory }) => {
      const file = `${path}/${name}`;
      if (isDirectory) return filesBelow(file);
      if (!/\.(?:ya?ml|json)$/.test(name)) return [];
      return [{ file, text: Deno.readTextFileSync(file) }];
    });
}

/** The cluster, or the problems in words; anything else than an `InputError` gets through. */
function attempt(files: readonly ManifestFile[]): Cluster | InputError {
  try {
    const { events } = importManifests(files);
    const cluster = new Cluster();
    for (const event of events) cluster.apply(event);
    for (const service of cluster.services.values()) {
      for (const port of service.ports) cluster.endpointsOf(service, port, 4);
    }
    return cluster;
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

Deno.test("importManifests() reads every sample that is whole", () => {
  if (!isThere(SAMPLES)) return;
  for (const file of filesBelow(SAMPLES)) {
    const result = attempt([file]);
    // Some are filled in by a program: with their templates, or with a name.
    const isPartial = file.text.includes("{{") ||
      file.file.endsWith("/local-redirect-policy.yaml");
    if (result instanceof InputError) assert(isPartial, result.message);
  }
});

Deno.test("importManifests() says of a template that it is one", () => {
  if (!isThere(SAMPLES)) return;
  let count = 0;
  for (const file of filesBelow(SAMPLES)) {
    const result = attempt([file]);
    if (!(result instanceof InputError)) continue;
    const syntax = result.problems.filter(({ message }) =>
      message.startsWith("Cannot read YAML")
    );
    for (const { expected } of syntax) {
      assert(expected?.includes("templates are filled in"), result.message);
      count++;
    }
  }
  assert(count > 0);
});

Deno.test("importManifests() makes working clusters of the well-known demos", () => {
  if (!isThere(SAMPLES)) return;
  const demos = [
    ["GoogleCloudPlatform+microservices-demo/kubernetes-manifests", 12],
    ["istio+istio/samples/bookinfo/platform/kube/bookinfo.yaml", 6],
    ["smagnani96+cilium/examples/minikube/http-sw-app.yaml", 4],
  ] as const;
  for (const [path, pods] of demos) {
    const full = `${SAMPLES}/${path}`;
    const files = path.endsWith(".yaml")
      ? [{ file: full, text: Deno.readTextFileSync(full) }]
      : filesBelow(full);
    const cluster = attempt(files);
    assert(cluster instanceof Cluster, `${cluster}`);
    assertEquals(cluster.pods.size, pods, path);
    for (const service of cluster.services.values()) {
      const [port] = service.ports;
      const endpoints = cluster.endpointsOf(service, port!, 4);
      assert(endpoints.length > 0, `${path} ${service.name}`);
      const name = `${service.name}.${service.namespace}`;
      assertEquals(cluster.resolve(name, "default").kind, "addresses");
    }
  }
});

Deno.test("importManifests() reads every np-guard case, or says what is no object", () => {
  if (!isThere(NP_GUARD)) return;
  let read = 0;
  for (const { name } of Deno.readDirSync(NP_GUARD)) {
    const files = filesBelow(`${NP_GUARD}/${name}`);
    const result = attempt(files);
    if (result instanceof Cluster) read++;
    else assertEquals(result.problems[0]?.expected, "a mapping");
    const manifests = files.filter(({ file }) =>
      !file.endsWith("_output.json")
    );
    assert(attempt(manifests) instanceof Cluster, name);
  }
  assert(read > 100);
});

Deno.test("importManifests() throws nothing but InputError on damaged manifests", () => {
  if (!isThere(SAMPLES)) return;
  const texts = [...filesBelow(SAMPLES), ...damageable()]
    .filter(({ text }) => text.length < 4_000).map(({ text }) => text);
  const next = generator(42);
  for (let round = 0; round < 2_000; round++) {
    let text = texts[next(texts.length)]!;
    for (let cuts = next(4); cuts >= 0; cuts--) text = damaged(text, next);
    attempt([{ file: "damaged.yaml", text }]);
  }
});

/** Objects that the samples are short of. */
function damageable(): ManifestFile[] {
  const text = `
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Node
  metadata: {name: n, labels: {topology.kubernetes.io/zone: z}}
  spec: {podCIDRs: [10.0.0.0/24, "fd00::/64"]}
  status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
- apiVersion: v1
  kind: Pod
  metadata: {name: p, ownerReferences: [{kind: Job, name: j}]}
  spec: {nodeName: n, containers: [{name: c, ports: [{containerPort: 1}]}]}
  status: {podIPs: [{ip: 10.0.0.1}], hostIP: 192.0.2.1, phase: Running}
- apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: {name: e, labels: {kubernetes.io/service-name: s}}
  addressType: IPv4
  ports: [{port: 1, name: a}]
  endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}, zone: z}]
- apiVersion: v1
  kind: Endpoints
  metadata: {name: f}
  subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 1}]}]
- apiVersion: v1
  kind: Service
  metadata: {name: s}
  spec: {type: LoadBalancer, ports: [{port: 1, nodePort: 30000}]}
`;
  return Array.from({ length: 40 }, () => ({ file: "all.yaml", text }));
}

type Next = (below: number) => number;

/** Numerical Recipes' linear congruential generator: enough to cut text with. */
function generator(seed: number): Next {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

const SCRAPS = [
  ...["\n", " ", "  ", ": ", "- ", "{", "}", "[", "]", "'", '"', "|", "\t"],
  ...["null", "-1", "1e99", "&a ", "*a", "<<: ", "\u0000", "::", "99999999999"],
];

function damaged(text: string, next: Next): string {
  const at = next(text.length);
  const kind = next(3);
  if (kind === 0) return text.slice(0, at) + text.slice(at + 1 + next(4));
  const scrap = kind === 1
    ? SCRAPS[next(SCRAPS.length)]!
    : String.fromCharCode(32 + next(95));
  return text.slice(0, at) + scrap + text.slice(at + next(2));
}
