/** Flow lines made by hand, for tests: the fields that a recorder always writes, and others on top. */

/** The JSON of one flow line. */
export interface FlowFields {
  readonly [field: string]: unknown;
}

/** `tcp pod:port > pod:port FLAGS`; pods are `web`, `api`, `dns`, or an address. */
export type Way = string;

const PODS: Readonly<Record<string, { ip: string; identity: number }>> = {
  web: { ip: "10.0.1.1", identity: 1001 },
  api: { ip: "10.0.2.2", identity: 1002 },
  dns: { ip: "10.0.3.3", identity: 1003 },
};

/** One line of jsonpb output. */
export function flowLine(way: Way, fields: FlowFields = {}): string {
  const flow = flowOf(way, fields);
  return JSON.stringify({
    flow,
    node_name: flow.node_name,
    time: flow.time,
  });
}

/** One line of the older output: the flow alone. */
export function bareLine(way: Way, fields: FlowFields = {}): string {
  return JSON.stringify(flowOf(way, fields));
}

function flowOf(way: Way, fields: FlowFields): FlowFields {
  const match = /^(tcp|udp|sctp) (.+):(\d+) > (.+):(\d+)(?: ([A-Z-]+))?$/.exec(
    way,
  );
  if (match === null) throw new TypeError(`Cannot read way: ${way}`);
  const [, protocol = "", from = "", fromPort, to = "", toPort, flags] = match;
  const { IP, ...rest } = fields;
  return {
    time: "2026-01-01T00:00:00.000000001Z",
    verdict: "FORWARDED",
    IP: {
      source: PODS[from]?.ip ?? from,
      destination: PODS[to]?.ip ?? to,
      ipVersion: from.includes(":") ? "IPv6" : "IPv4",
      ...IP as object | undefined,
    },
    l4: {
      [protocol.toUpperCase()]: {
        source_port: Number(fromPort),
        destination_port: Number(toPort),
        ...flags === undefined ? {} : {
          flags: Object.fromEntries(
            flags.split("-").map((flag) => [flag, true]),
          ),
        },
      },
    },
    source: endpointOf(from),
    destination: endpointOf(to),
    Type: "L3_L4",
    node_name: "kind/worker-1",
    event_type: { type: 4 },
    ...rest,
  };
}

function endpointOf(name: string): FlowFields {
  const pod = PODS[name];
  if (pod === undefined) return {};
  return {
    identity: pod.identity,
    namespace: "shop",
    labels: [`k8s:app=${name}`],
    pod_name: `${name}-0`,
  };
}
