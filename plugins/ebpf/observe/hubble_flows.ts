import type { ClusterView } from "../../../core/cluster/view.ts";
import { HUBBLE_EVENT } from "../../../core/import/hubble_flow.ts";
import { formatTimestamp } from "../../../core/import/timestamp.ts";
import { Ip } from "../../../core/packet/ip.ts";
import type { FlowResult } from "../../../core/replay/engine.ts";
import type { Hop } from "../../../core/replay/hop.ts";
import { accessLog } from "./access_log.ts";
import { type FlowEndpoint, FlowEndpoints } from "./endpoints.ts";
import {
  common,
  type End,
  type Event,
  type FlowFields,
  l4Of,
  type Seen,
  wayOf,
} from "./flow_event.ts";
import { reported } from "./policy_events.ts";

/** One line of `hubble observe -o jsonpb`, or of an exporter file. JSON-safe. */
export interface HubbleLineOut {
  readonly flow: FlowFields;
  readonly node_name: string;
  readonly time: string;
}

/** Subtypes of trace events (pkg/monitor/api, TraceToLxc and others). */
const TRACE = { toEndpoint: 0, toProxy: 1, toHost: 2, toNetwork: 11 } as const;

/** Where hops are that Cilium's programs report on. */
const REPORTED = new Set(["from-pod", "from-wire", "to-pod", "to-wire"]);

/** The plugin whose hops these are. */
const PLUGIN = "ebpf";

/**
 * What Hubble would have recorded of flows: translations at sockets, policy
 * verdicts, drops, traces to endpoints, proxies and the network, and what
 * proxies log. Flows need their full journey; those that nothing is known of
 * leave no line.
 *
 * @example
 * ```ts ignore
 * const observer = new HubbleObserver(replay.cluster, { startNs: 0n });
 * for (const line of observer.linesOf(result)) write(JSON.stringify(line));
 * ```
 */
export class HubbleObserver {
  readonly #endpoints: FlowEndpoints;
  readonly #startNs: bigint;

  constructor(
    cluster: ClusterView,
    { startNs }: {
      /** When the tape begins, in ns since 1970: the tape itself knows no date. */
      readonly startNs: bigint;
    },
  ) {
    this.#endpoints = new FlowEndpoints(cluster);
    this.#startNs = startNs;
  }

  /** The lines of one flow, in the order in which nodes saw it. */
  linesOf(result: FlowResult): HubbleLineOut[] {
    if (result.outcome.verdict === "unknown") return [];
    const { journey } = result;
    const lines = journey.flatMap((hop, at) =>
      this.#eventsOf(hop, { result, before: journey[at - 1] })
    );
    return lines.map((event, order) =>
      this.#line(event, this.#startNs + BigInt(result.timeNs + order))
    );
  }

  #eventsOf(
    hop: Hop,
    { result, before }: {
      readonly result: FlowResult;
      readonly before: Hop | undefined;
    },
  ): Event[] {
    const way = wayOf(hop.packet);
    if (way === undefined || hop.node === null) {
      return hop.hook === "proxy" && way !== undefined
        ? accessLog(hop, { way, result })
        : [];
    }
    const seen: Seen = { hop, way, node: hop.node };
    if (hop.hook === "proxy") return accessLog(hop, { way, result });
    if (hop.hook === "wire") return [toNetwork(seen, before)];
    if (hop.hook === "delivered") return delivered(seen, before);
    if (hop.plugin !== PLUGIN) return [];
    if (hop.hook === "socket") {
      return hop.action === "rewrite" ? translated(seen, result) : [];
    }
    return REPORTED.has(hop.hook) ? reported(seen, result) : [];
  }

  #line({ node, way, fields }: Event, timeNs: bigint): HubbleLineOut {
    const time = formatTimestamp(timeNs);
    const { source, destination } = way;
    const endpoint = (ip: Ip): FlowEndpoint => this.#endpoints.of(ip, node);
    const { IP, ...rest } = fields;
    return {
      flow: {
        time,
        verdict: "FORWARDED",
        IP: {
          source: source.ip.text,
          destination: destination.ip.text,
          ipVersion: source.ip.family === 4 ? "IPv4" : "IPv6",
          ...(IP as object | undefined),
        },
        source: endpoint(source.ip),
        destination: endpoint(destination.ip),
        Type: "L3_L4",
        node_name: node,
        ...rest,
      },
      node_name: node,
      time,
    };
  }
}

function toNetwork(seen: Seen, before: Hop | undefined): Event {
  const { hop, way, node } = seen;
  const encrypted = /wireguard|ipsec/.test(hop.detail);
  const side = hop.direction === "original" ? "EGRESS" : "INGRESS";
  const fields = {
    ...common(seen, side),
    event_type: { type: HUBBLE_EVENT.trace, sub_type: TRACE.toNetwork },
    ...(encrypted ? { IP: { encrypted } } : {}),
  };
  const event = { node, way, fields };
  return hop.direction === "original" ? untranslated(event, before) : event;
}

function delivered(seen: Seen, before: Hop | undefined): Event[] {
  const { hop, way, node } = seen;
  const side = hop.direction === "original" ? "INGRESS" : "EGRESS";
  const type = HUBBLE_EVENT.trace;
  // protojson leaves out a zero: no sub_type is TO_ENDPOINT.
  const event_type = hop.pod === null
    ? { type, sub_type: TRACE.toHost }
    : { type };
  const fields = { ...common(seen, side), event_type };
  const event = { node, way, fields };
  return [hop.direction === "reply" ? untranslated(event, before) : event];
}

/** A source that the hop before has just translated is shown as it was, and what it became beside it. */
function untranslated(event: Event, before: Hop | undefined): Event {
  const { way, fields } = event;
  const [, source] = /\bsource (\S+) -> /.exec(before?.detail ?? "") ?? [];
  const ip = Ip.parse(source ?? "");
  if (ip === undefined) return event;
  const source_xlated = way.source.ip.text;
  const IP = { ...(fields["IP"] as object | undefined), source_xlated };
  return {
    ...event,
    way: { ...way, source: { ...way.source, ip } },
    fields: { ...fields, IP },
  };
}

/** Before and after a socket is given its peer, under one cookie. */
function translated(seen: Seen, { flow }: FlowResult): Event[] {
  const { hop, way, node } = seen;
  const [, ip] = /\bdestination (\S+) -> /.exec(hop.detail) ?? [];
  const [, port] = /destination port (\d+) -> /.exec(hop.detail) ?? [];
  const { destination } = way;
  const asked: End = {
    ip: Ip.parse(ip ?? "") ?? destination.ip,
    port: port === undefined ? destination.port : Number(port),
  };
  const event = (point: string, to: End): Event => {
    const seenWay = { ...way, destination: to };
    return {
      node,
      way: seenWay,
      fields: {
        l4: l4Of(seenWay, false),
        verdict: "TRANSLATED",
        Type: "SOCK",
        event_type: { type: HUBBLE_EVENT.socket },
        sock_xlate_point: `SOCK_XLATE_POINT_${point}_DIRECTION_FWD`,
        socket_cookie: cookieOf(flow.connection ?? flow.id),
      },
    };
  };
  return [event("PRE", asked), event("POST", destination)];
}

/** A number for a socket: uint64 is text in protojson. */
function cookieOf(name: string): string {
  let value = 0n;
  for (const character of name) {
    value = BigInt.asUintN(63, value * 31n + BigInt(character.codePointAt(0)!));
  }
  return `${value}`;
}
