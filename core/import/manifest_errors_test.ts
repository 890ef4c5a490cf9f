import { assert, assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../errors.ts";
import { asFiles, clusterOf, problemsOf } from "./manifest_fixture.ts";
import { deleteEvents, importManifests } from "./manifests.ts";

/** `line:column message | did you mean`. */
function reports(...texts: string[]): string[] {
  return problemsOf(...texts).map(({ at, message, didYouMean }) =>
    `${at.line}:${at.column} ${message}` +
    (didYouMean === undefined ? "" : ` | ${didYouMean}`)
  );
}

function service(spec: string): string {
  return "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n" +
    spec;
}

Deno.test("importManifests() names the place, the excerpt and what was expected", () => {
  const [problem] = problemsOf(
    service("  type: Nodeport\n  ports:\n  - port: 80\n"),
  );
  assertEquals(problem, {
    at: { file: "1.yaml", line: 6, column: 3 },
    message: 'Cannot read Service default/web: spec.type is "Nodeport"',
    excerpt: "  type: Nodeport",
    expected: "ClusterIP, NodePort, LoadBalancer, ExternalName",
    didYouMean: "NodePort",
  });
});

Deno.test("importManifests() reports all problems of all files at once", () => {
  const lines = reports(
    service(`  clusterIP: 10.96.0.300
  ports:
  - port: 70000
    protocol: tcp
  - port: "80"
    name: b
  - name: c
  loadBalancerSourceRanges: [10.0.0.0]
  type: LoadBalancer
  selecter: {app: web}
  sessionAfinity: ClientIP
`),
    "a: [",
    "kind: Pod\napiVersion: v1\nmetadata: {}\n",
  );
  const subject = "Cannot read Service default/web:";
  assertEquals(lines.filter((line) => line.includes(subject)), [
    `6:3 ${subject} spec.clusterIP is "10.96.0.300"`,
    `8:5 ${subject} spec.ports[0].port is 70000`,
    `9:5 ${subject} spec.ports[0].protocol is "tcp" | TCP`,
    `10:5 ${subject} spec.ports[1].port is the text "80"`,
    `12:5 ${subject} spec.ports[2] has no port`,
    `13:30 ${subject} spec.loadBalancerSourceRanges[0] is "10.0.0.0"`,
    `15:3 ${subject} it has no spec.selecter | selector`,
    `16:3 ${subject} it has no spec.sessionAfinity | sessionAffinity`,
  ]);
  assert(lines.some((line) => line.includes("Cannot read YAML")));
  assert(lines.some((line) => line.includes("it has no metadata.name")));
});

Deno.test("importManifests() says what a document lacks to be an object", () => {
  assertEquals(reports("just: text\n"), [
    "1:1 Cannot read object: it has no kind",
  ]);
  assertEquals(reports("- a\n- b\n"), ["1:1 Cannot read object: it is a list"]);
  assertEquals(reports("text\n"), [
    '1:1 Cannot read object: it is the text "text"',
  ]);
  assertEquals(reports("apiVersion: v1\nknd: Pod\n"), [
    "2:1 Cannot read object: it has no kind | kind, not knd",
  ]);
  assertEquals(reports("kind: Pod\nmetadata: {name: a}\n"), [
    "1:1 Cannot read object: it has no apiVersion",
  ]);
  assertEquals(reports("apiVersion: v1\nkind: Pod\nmetdata: {name: a}\n"), [
    "1:1 Cannot read Pod: it has no metadata.name | metadata, not metdata",
  ]);
  assertEquals(
    reports("apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n- null\n"),
    [
      "4:3 Cannot read object: it has no apiVersion",
      "5:3 Cannot read object: it is empty",
    ],
  );
});

Deno.test("importManifests() refuses the wrong type where it stands", () => {
  const deployment = (rest: string) =>
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n" + rest;
  const template = "template: {spec: {containers: []}}";
  const subject = "Cannot read Deployment default/a:";
  assertEquals(reports(deployment(`spec: {replicas: "3", ${template}}\n`)), [
    `4:8 ${subject} spec.replicas is the text "3"`,
  ]);
  assertEquals(
    reports(deployment(`spec: {replicas: 2000000, ${template}}\n`)),
    [
      `4:8 ${subject} spec.replicas is 2000000`,
    ],
  );
  assertEquals(reports(deployment("spec: {replicas: 1}\n")), [
    `4:1 ${subject} it has no pod template`,
  ]);
  assertEquals(reports(deployment("spec: text\n")), [
    `4:1 ${subject} it has no pod template`,
  ]);
  assertEquals(
    reports(deployment(`spec: {selector: {matchLabel: {}}, ${template}}\n`)),
    [
      `4:19 ${subject} spec.selector: a selector has no matchLabel | matchLabels`,
    ],
  );
  assertEquals(
    reports(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {v: 1.0}}\n" +
        "spec: {containers: {}}\n",
    ),
    [
      "3:30 Cannot read Pod default/a: metadata.labels.v is 1",
      "4:8 Cannot read Pod default/a: spec.containers is a mapping",
    ],
  );
});

Deno.test("importManifests() refuses what cannot be unique", () => {
  const pod = (name: string) =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\n` +
    "spec: {containers: []}\nstatus: {podIP: 10.0.0.1}\n";
  assertEquals(reports(pod("a"), pod("b")), [
    "5:10 Cannot read Pod default/b: the address 10.0.0.1 is that of the pod default/a",
  ]);
  const other = service("  clusterIP: 10.96.0.9\n  ports: [{port: 1}]\n");
  const twins = reports(other, other.replace("name: web", "name: other"));
  assertEquals(twins.length, 1);
  assert(twins[0]!.includes("10.96.0.9 is taken"));
  const nodePort = service(
    "  type: NodePort\n  ports: [{port: 1, nodePort: 30100}]\n",
  );
  const ports = reports(nodePort, nodePort.replace("name: web", "name: b"));
  assertEquals(ports.length, 1);
  assert(ports[0]!.includes("the node port 30100 is taken"));
});

Deno.test("importManifests() checks addresses of slices against their family", () => {
  const slice = (type: string, address: string) =>
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n" +
    "metadata: {name: a, labels: {kubernetes.io/service-name: w}}\n" +
    `addressType: ${type}\nendpoints:\n- addresses: [${address}]\n`;
  const subject = "Cannot read EndpointSlice default/a:";
  assertEquals(reports(slice("IPv4", '"fd00::1"')), [
    `6:15 ${subject} endpoints[0].addresses[0] is fd00::1 in a slice of IPv4`,
  ]);
  assertEquals(reports(slice("IPV4", "10.0.0.1")), [
    `4:1 ${subject} addressType is "IPV4" | IPv4`,
  ]);
  assertEquals(reports(slice("IPv4", "10.0.0.01")), [
    `6:15 ${subject} endpoints[0].addresses[0] is "10.0.0.01"`,
  ]);
});

Deno.test("importManifests() accepts ports only by number or by a port's name", () => {
  const ports = (target: string) =>
    reports(service(`  ports: [{port: 80, targetPort: ${target}}]\n`)).length;
  for (const target of ["8080", "http", "web-2", "0"]) {
    assertEquals(ports(target), 0, target);
  }
  for (
    const target of ['"8080"', "99999", "HTTP", "a-name-that-is-too-long", "[]"]
  ) {
    assertEquals(ports(target), 1, target);
  }
});

Deno.test("importManifests() does not show lines of a file with a Secret", () => {
  const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n" +
    "data: {k: aHVudGVyMg==}\n---\n";
  const problems = problemsOf(secret + service("  type: X\n  ports: []\n"));
  assert(problems.length > 0);
  for (const { excerpt } of problems) assertEquals(excerpt, undefined);
});

Deno.test("importManifests() lists a bounded number of problems for each file", () => {
  const ports = Array.from({ length: 150 }, (_, i) => `  - {name: p${i}}`);
  const text = service(`  ports:\n${ports.join("\n")}\n`);
  const problems = problemsOf(text);
  assertEquals(problems.length, 101);
  assert(problems.at(-1)!.message.endsWith("50 more"));
});

Deno.test("deleteEvents() refuses to delete what is not there, with the nearest name", () => {
  const cluster = clusterOf(service("  ports: [{port: 1}]\n"));
  const files = asFiles([
    "apiVersion: v1\nkind: Service\nmetadata: {name: wbe}\n",
  ]);
  const error = assertThrows(
    () => deleteEvents(files, { cluster }),
    InputError,
  );
  assertEquals(error.problems[0]?.didYouMean, "default/web");
});

Deno.test("importManifests() refuses more pods than an import may make", () => {
  const many = Array.from(
    { length: 12 },
    (_, index) =>
      `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d${index}}\n` +
      "spec: {replicas: 10000, template: {spec: {containers: []}}}\n",
  );
  const error = assertThrows(() => importManifests(asFiles(many)), InputError);
  assert(error.message.includes("it asks for too many pods"));
});
