import type { Node, Pod } from "../../core/cluster/model.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { Packet } from "../../core/packet/packet.ts";
import type { PolicyIndex } from "../../core/policy/policy_index.ts";
import type { Action, Handler, HookContext } from "../../core/replay/plugin.ts";
import type { NodeNetfilter } from "./node_handlers.ts";
import { CT_STATE } from "./tracked_packet.ts";

/** Packets of a connection that was let through once are not asked about again. */
const LET_THROUGH = CT_STATE.established | CT_STATE.related;

/**
 * NetworkPolicy as agents enforce it that write rules for addresses into the
 * filter hooks: after Services are translated and before masquerading, so that
 * rules see backends and the senders' own addresses; for pods of this node
 * alone (projectcalico/calico felix/rules/dispatch.go).
 */
export function policyFilter(
  policies: PolicyIndex,
  { node, netfilter }: {
    readonly node: Node;
    readonly netfilter: NodeNetfilter;
  },
): Handler {
  return (packet, context) => {
    if ((netfilter.stateOf(context) & LET_THROUGH) !== 0) return undefined;
    const sender = podHere(packet.source, context, node);
    const egress = sender === undefined
      ? undefined
      : judged(policies, { packet, context, subject: sender, out: true });
    if (egress !== undefined && egress.kind !== "accept") return egress;
    const receiver = podHere(packet.destination, context, node);
    const ingress = receiver === undefined
      ? undefined
      : judged(policies, { packet, context, subject: receiver, out: false });
    if (egress === undefined) return ingress;
    return ingress === undefined ? egress : [egress, ingress];
  };
}

function podHere(
  ip: Ip,
  { cluster }: HookContext,
  node: Node,
): Pod | undefined {
  const pod = cluster.podAt(ip);
  return pod?.node === node.name ? pod : undefined;
}

function judged(
  policies: PolicyIndex,
  { packet, context, subject, out }: {
    readonly packet: Packet;
    readonly context: HookContext;
    readonly subject: Pod;
    readonly out: boolean;
  },
): Action | undefined {
  const { verdict, rule, reason, rulesAsked } = policies.judge({
    direction: out ? "egress" : "ingress",
    subject,
    peer: out ? packet.destination : packet.source,
    protocol: packet.protocol,
    port: packet.destinationPort,
  });
  context.charge("rules", rulesAsked);
  switch (verdict) {
    case "allow":
      return rule === null ? undefined : { kind: "accept", rule };
    case "deny":
      return { kind: "drop", reason: "NetworkPolicy", rule };
    case "unknown":
      return { kind: "unknown", reason: reason ?? "not modelled", rule };
  }
}
