import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InputError } from "../errors.ts";
import { type Event, makeTape, type NewEvent } from "../event.ts";
import { asFiles } from "../import/manifest_fixture.ts";
import { importManifests } from "../import/manifests.ts";
import { Ip } from "../packet/ip.ts";
import { reviveEvent } from "./revive.ts";

const AT = { file: "run.log", line: 1, column: 1 };

/** Events written to a log and read back. */
function writtenAndRead(events: readonly NewEvent[]): Event[] {
  const tape = makeTape(events.map((event) => ({ timeNs: 0, event })));
  const written = JSON.parse(JSON.stringify(tape)) as Event[];
  const read = written.map((event) => reviveEvent(event, AT));
  assertEquals(read, [...tape]);
  return read;
}

const CLUSTER = `
apiVersion: v1
kind: Node
metadata: {name: n}
spec: {podCIDRs: [10.0.0.0/24, "fd00::/64"]}
status: {addresses: [{type: InternalIP, address: "2001:db8::1"}, {type: ExternalIP, address: 192.0.2.1}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec: {serviceName: db, template: {metadata: {labels: {a: b}}, spec: {containers: []}}}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec:
  type: LoadBalancer
  externalIPs: [192.0.2.2]
  loadBalancerSourceRanges: [10.0.0.0/8]
  ipFamilyPolicy: RequireDualStack
  ports: [{port: 80}]
status: {loadBalancer: {ingress: [{ip: 192.0.2.3}]}}
---
apiVersion: v1
kind: Endpoints
metadata: {name: db}
subsets: [{addresses: [{ip: 10.0.0.9}, {ip: "fd00::9"}], ports: [{port: 1}]}]
---
apiVersion: x/v1
kind: Policy
metadata: {name: p}
spec: {podSelector: {}, ips: ["10.0.0.1"]}
`;

Deno.test("reviveEvent() gives back the tape that was written", () => {
  const { events } = importManifests(asFiles([CLUSTER]));
  const types = new Set(writtenAndRead(events).map(({ type }) => type));
  assertEquals([...types].sort(), [
    "endpoints.applied",
    "namespace.applied",
    "node.applied",
    "pod.applied",
    "policy.applied",
    "service.applied",
  ]);
});

Deno.test("reviveEvent() gives back any addresses", () => {
  const ip = fc.oneof(
    fc.ipV4().map(Ip.of),
    fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat())
      .map(([a, b, c, d]) => Ip.v6(a, b, c, d)),
  );
  const { events } = importManifests(asFiles([CLUSTER]));
  const pod = events.flatMap((event) =>
    event.type === "pod.applied" ? [event.data.pod] : []
  )[0]!;
  fc.assert(
    fc.property(fc.array(ip, { maxLength: 3 }), (ips) => {
      const data = { pod: { ...pod, ips } };
      writtenAndRead([{ type: "pod.applied", version: 1, data }]);
    }),
    { numRuns: 200, seed: 1 },
  );
});

Deno.test("reviveEvent() leaves events without addresses as they are", () => {
  const event: Event = {
    type: "pod.deleted",
    version: 1,
    data: { namespace: "a", name: "b" },
    position: 0,
    timeNs: 0,
  };
  assert(reviveEvent(event, AT) === event);
});

Deno.test("reviveEvent() says what of a log is no address", () => {
  const damaged = (data: unknown) =>
    ({
      type: "pod.applied",
      version: 1,
      data,
      position: 0,
      timeNs: 0,
    }) as Event;
  for (
    const data of [
      { pod: { ips: ["10.0.0.256"] } },
      { pod: { ips: "10.0.0.1" } },
      { pod: { ips: [7] } },
      { pod: {} },
      { pod: null },
      {},
      null,
      [],
    ]
  ) {
    const revive = () => reviveEvent(damaged(data), AT);
    const error = assertThrows(revive, InputError, "Cannot revive event");
    assertEquals(error.problems[0]?.at, AT);
  }
});
