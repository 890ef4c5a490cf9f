import type { Protocol } from "../../../../core/cluster/model.ts";
import type { Ip } from "../../../../core/packet/ip.ts";
import { formatEndpoint } from "../../../../core/packet/walking_packet.ts";

/** The scopes a frontend is looked up in: from off the node, or from on it. */
export const SCOPE = { external: 0, internal: 1 } as const;

/** An address as load balancing has it: `loadbalancer.L3n4Addr`. */
export interface LbAddress {
  readonly ip: Ip;
  readonly port: number;
  readonly protocol: Protocol;
  readonly scope: 0 | 1;
}

/** `10.96.0.1:80/TCP`, `[fd00::1]:53/UDP/i`. */
export function addressText(
  { ip, port, protocol, scope }: LbAddress,
): string {
  const inner = scope === SCOPE.internal ? "/i" : "";
  return `${formatEndpoint(ip, port)}/${protocol}${inner}`;
}

/** Text that sorts as the agent's tables do: address in 16 bytes, port, protocol, scope. */
export function addressKey({ ip, port, protocol, scope }: LbAddress): string {
  const words = ip.family === 4
    ? [0, 0, 0xffff, ip.w3]
    : [ip.w0, ip.w1, ip.w2, ip.w3];
  return words.map((word) => hex(word, 8)).join("") + hex(port, 4) +
    protocol[0] + scope;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

const PROTOCOLS: Readonly<Record<number, Protocol>> = {
  6: "TCP",
  17: "UDP",
  132: "SCTP",
};

/** The protocol of a number of load balancing's maps. */
export function protocolName(number: number): Protocol {
  return PROTOCOLS[number] ?? "TCP";
}
