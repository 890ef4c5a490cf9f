import { Ip } from "../../../core/packet/ip.ts";
import type { Hop } from "../../../core/replay/hop.ts";

/** Fields of flow.proto's Flow under their JSON names. */
export type FlowFields = Readonly<Record<string, unknown>>;

/** One thing a node saw. */
export interface Event {
  readonly node: string;
  readonly way: Way;
  readonly fields: FlowFields;
}

/** A hop with where its packet goes. */
export interface Seen {
  readonly hop: Hop;
  readonly way: Way;
  readonly node: string;
}

/** One end of a packet. */
export interface End {
  readonly ip: Ip;
  readonly port: number;
}

/** From where to where, as a hop has it. */
export interface Way {
  readonly protocol: string;
  readonly source: End;
  readonly destination: End;
}

/** `tcp 10.0.0.5:41000 > 10.0.1.5:8080`, as hops have their packets. */
export function wayOf(packet: string): Way | undefined {
  const [protocol, from, , to] = packet.split(" ");
  const source = endOf(from ?? "");
  const destination = endOf(to ?? "");
  return protocol === undefined || source === undefined ||
      destination === undefined
    ? undefined
    : { protocol, source, destination };
}

function endOf(text: string): End | undefined {
  const bare = Ip.parse(text);
  if (bare !== undefined) return { ip: bare, port: 0 };
  const colon = text.lastIndexOf(":");
  const ip = Ip.parse(text.slice(0, colon).replace(/^\[|\]$/g, ""));
  return ip === undefined
    ? undefined
    : { ip, port: Number(text.slice(colon + 1)) };
}

/** The transport header under its JSON name. */
export function l4Of({ protocol, source, destination }: Way, reply: boolean) {
  if (protocol.startsWith("icmp")) {
    const six = source.ip.family === 6;
    const type = six ? (reply ? 129 : 128) : (reply ? 0 : 8);
    return { [six ? "ICMPv6" : "ICMPv4"]: { type } };
  }
  const ports = {
    source_port: source.port,
    destination_port: destination.port,
  };
  return {
    [protocol.toUpperCase()]: protocol === "tcp"
      ? { ...ports, flags: { SYN: true, ...(reply ? { ACK: true } : {}) } }
      : ports,
  };
}

/** What all lines of a hop have: the direction is the connection's, from the endpoint at hand. */
export function common(
  { hop, way }: Seen,
  side: "INGRESS" | "EGRESS",
): FlowFields {
  const reply = hop.direction === "reply";
  return { l4: l4Of(way, reply), is_reply: reply, traffic_direction: side };
}
