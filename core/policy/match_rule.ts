import type { ContainerPort } from "../cluster/model.ts";
import { PROTOCOL } from "../packet/packet.ts";
import type { Match, Party } from "./party.ts";
import type { PolicyDirection, PolicyRule, PortMatch } from "./policy.ts";

/** What is asked of a rule set. */
export interface Question {
  readonly direction: PolicyDirection;
  readonly subject: Party;
  readonly peer: Party;
  readonly protocol: number;
  /** The ICMP type where the protocol has no ports. */
  readonly port: number;
}

/** Whether a rule speaks of a connection; its ports first, as they are cheapest. */
export function matchRule(rule: PolicyRule, question: Question): Match {
  if (!matchPorts(rule.ports, question)) return false;
  const peer = matchPeers(rule, question.peer);
  if (peer === false) return false;
  return rule.unmodelled === null ? peer : "unknown";
}

function matchPeers({ peers }: PolicyRule, party: Party): Match {
  if (peers === null) return true;
  let doubt = false;
  for (const peer of peers) {
    const match = peer.matches(party);
    if (match === true) return true;
    if (match === "unknown") doubt = true;
  }
  return doubt ? "unknown" : false;
}

function matchPorts(
  ports: readonly PortMatch[] | null,
  { direction, subject, peer, protocol, port }: Question,
): boolean {
  if (ports === null) return true;
  const destination = direction === "ingress" ? subject : peer;
  return ports.some((match) =>
    match.kind === "range"
      ? hasProtocol(match.protocol, protocol) && port >= match.from &&
        port <= match.to
      : destination.ports.some((named) =>
        named.name === match.name && named.port === port &&
        protocolNumber(named.protocol) === protocol &&
        hasProtocol(match.protocol, protocol)
      )
  );
}

/** No protocol in a rule with ports: those that have ports. */
function hasProtocol(wanted: number | null, protocol: number): boolean {
  return wanted === null
    ? protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp ||
      protocol === PROTOCOL.sctp
    : wanted === protocol;
}

/** The IP protocol number of a name of the API. */
export function protocolNumber(protocol: ContainerPort["protocol"]): number {
  return protocol === "TCP"
    ? PROTOCOL.tcp
    : protocol === "UDP"
    ? PROTOCOL.udp
    : PROTOCOL.sctp;
}
