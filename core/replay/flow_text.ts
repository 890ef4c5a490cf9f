import { Ip } from "../packet/ip.ts";
import type { FlowIntent, Place } from "./flow.ts";

/** The short form of a place that scenarios, commands and tests share. */
export const PLACE_FORMS =
  "pod/NAMESPACE/NAME, node/NAME or ip/ADDRESS, as in pod/shop/web-1";

/** The short form of a target. */
export const TARGET_FORMS =
  "PROTOCOL://HOST:PORT with tcp, udp or sctp, or icmp://HOST, as in tcp://web.shop:80";

/** Reads `pod/shop/web-1`, `node/n1` or `ip/203.0.113.9`; undefined when it is none of them. */
export function parsePlace(
  text: string,
  via: string | null = null,
): Place | undefined {
  const parts = text.split("/");
  const [kind, first, second] = parts;
  if (parts.some((part) => part === "")) return undefined;
  if (kind === "pod" && parts.length === 3) {
    return { kind, namespace: first!, name: second! };
  }
  if (kind === "node" && parts.length === 2) return { kind, name: first! };
  if (kind === "ip" && parts.length === 2 && Ip.parse(first!) !== undefined) {
    return { kind: "outside", ip: first!, via };
  }
  return undefined;
}

/** Reads `tcp://web.shop:80`, `udp://[fd00::1]:53` or `icmp://10.0.0.1`; undefined when it is no target. */
export function parseTarget(
  text: string,
): Pick<FlowIntent, "protocol" | "to"> | undefined {
  const match =
    /^(tcp|udp|sctp|icmp):\/\/(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]\s]+))(?::(\d{1,5}))?$/
      .exec(text);
  if (match === null) return undefined;
  const protocol = match[1] as FlowIntent["protocol"];
  const host = match[2] ?? match[3]!;
  const port = match[4] === undefined ? 0 : Number(match[4]);
  const portNeeded = protocol !== "icmp";
  if (portNeeded !== (match[4] !== undefined) || port > 65_535) {
    return undefined;
  }
  return { protocol, to: { host, port } };
}
