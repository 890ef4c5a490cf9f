import type { Packet, PacketOption, Payload } from "../packet/packet.ts";
import { formatEndpoint } from "../packet/walking_packet.ts";
import type { Hop, HopAction } from "./hop.ts";
import type { Action, Proxy, ProxyDecision } from "./plugin.ts";

/** What protects the bytes on a wire: TLS of a proxy or an application, and the tunnel round it. */
export function crossingProtection(
  payload: Payload,
  by: string | null,
): string {
  const inner = payload.kind !== "tls"
    ? null
    : payload.by === "proxy"
    ? "mtls"
    : "tls";
  if (inner === null) return by ?? "none";
  return by === null ? inner : `${inner}+${by}`;
}

/** What an action did, in words. */
export function actionDetail(
  action: Action,
  before: Packet,
  after: Packet,
): string {
  switch (action.kind) {
    case "rewrite":
      return rewriteDetail(action.change, before, after);
    case "drop":
    case "unknown":
      return action.reason;
    case "reject":
      return `${action.reason}, answered with ${action.with}`;
    case "encrypt":
    case "encapsulate":
      return `${action.by}, ${action.overheadBytes} bytes more`;
    case "proxy":
      return `to ${action.proxy.name}`;
    case "bypass":
      return `on to ${action.to}`;
    case "route":
      return "sent on by the node";
    case "accept":
      return "";
  }
}

function rewriteDetail(
  change: object,
  before: Packet,
  after: Packet,
): string {
  const parts = Object.keys(change).sort().flatMap((field) => {
    const name = field as "source";
    const shown = (value: unknown) =>
      field === "mark"
        ? `0x${Number(value).toString(16)}`
        : field === "option"
        ? optionText(value as PacketOption | null | undefined)
        : `${value}`;
    const [from, to] = [shown(before[name]), shown(after[name])];
    return from === to ? [] : [`${words(field)} ${from} -> ${to}`];
  });
  return parts.join(", ");
}

function optionText(option: PacketOption | null | undefined): string {
  return option == null ? "none" : formatEndpoint(option.ip, option.port);
}

function words(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

const DECISION_ACTIONS: Readonly<Record<ProxyDecision["kind"], HopAction>> = {
  forward: "proxy",
  respond: "answer",
  reset: "reject",
  unknown: "unknown",
};

/** The hop of a proxy's decision, but for where it was made. */
export function decisionHop(
  decision: ProxyDecision,
  { name, place }: Proxy,
): Pick<Hop, "hook" | "plugin" | "pod" | "action" | "detail" | "rule"> {
  return {
    hook: "proxy",
    plugin: null,
    pod: place.kind === "pod" ? `${place.namespace}/${place.name}` : null,
    action: DECISION_ACTIONS[decision.kind],
    detail: `${name}: ${decisionDetail(decision)}`,
    rule: decision.rule,
  };
}

function decisionDetail(decision: ProxyDecision): string {
  switch (decision.kind) {
    case "forward":
      return `${
        decision.route === null ? "" : `route ${decision.route}, `
      }new connection to ${
        formatEndpoint(decision.destination, decision.destinationPort)
      }`;
    case "respond":
      return `answers ${decision.status}, ${decision.reason}`;
    default:
      return decision.reason;
  }
}
