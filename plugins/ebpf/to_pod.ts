import type { Packet } from "../../core/packet/packet.ts";
import type { Action, Handler, HookContext } from "../../core/replay/plugin.ts";
import type { NodeDatapath } from "./datapath.ts";
import { enforce } from "./enforce.ts";
import { PROXY_MARK } from "./identity.ts";
import { PASSED, policyPort, type Track } from "./tracking.ts";

/**
 * `to-pod`: the program before a pod's link (bpf/bpf_lxc.c, ipv4_policy): what
 * answers the pod's own connections passes and is translated back, all else is
 * held against ingress policy.
 */
export function toPod(path: NodeDatapath): Handler {
  const tracker = path.tracker();
  const { firewall } = path;
  return function toPod(packet, context) {
    if (firewall !== null && context.owner !== null) {
      const stopped = firewall.egress(packet, context);
      if (stopped !== undefined) return stopped;
    }
    context.charge("hashLookups", 1);
    const track = tracker.lookBoth(packet, context);
    if (isAnswer(track)) return returned(track, path);
    const known = track.state === "forward" || track.state === "translated";
    const connection = known ? track.connection : null;
    const exempt = packet.mark === PROXY_MARK.ingress ||
      connection !== null && (connection.mark & PASSED.loopback) !== 0;
    const verdict = exempt ? undefined : judge(packet, { path, context });
    // A proxy answers for the pod, so the connection counts as the pod's own.
    if (
      verdict === undefined || verdict.kind === "accept" ||
      verdict.kind === "proxy"
    ) {
      const entry = connection ?? tracker.open(packet, context);
      entry.mark |= PASSED.ingress;
      context.conntrack.confirm(entry, context.nowNs);
    }
    return verdict;
  };
}

/** Whether a packet answers a connection that the pod has opened. */
function isAnswer({ connection, state }: Track): boolean {
  return connection !== null && (state === "reply" || state === "returned") &&
    (connection.mark & (PASSED.egress | PASSED.loopback)) !== 0;
}

/** An answer: its source becomes the Service's again (lb4_rev_nat). */
function returned(
  { connection, state }: Track,
  path: NodeDatapath,
): Action | undefined {
  if (connection === null) return undefined;
  const { original, mark, destinationTranslated, destinationRule } = connection;
  // Of a connection that was there before, the entry is what lets it in.
  const known: Action | undefined = destinationRule === null
    ? undefined
    : { kind: "accept", rule: destinationRule };
  const elsewhere = (mark & (PASSED.nodePort | PASSED.loopback)) !== 0;
  if (state !== "reply" || !destinationTranslated || elsewhere) return known;
  const rule = path.reverse(connection);
  if (rule === null) return known;
  return {
    kind: "rewrite",
    change: {
      source: original.destination,
      sourcePort: original.destinationPort,
    },
    rule,
  };
}

function judge(
  packet: Packet,
  { path, context }: {
    readonly path: NodeDatapath;
    readonly context: HookContext;
  },
): Action | undefined {
  context.charge("lpmLookups", 1);
  const receiver = path.holderOf(packet.destination);
  if (receiver.kind !== "pod") return undefined;
  const peer = path.senderOf(packet, context);
  context.sawIdentity(path.identityAt(peer, packet.source));
  const judgement = path.judge(receiver.party, {
    direction: "ingress",
    self: packet.destination,
    peer,
    address: packet.source,
    protocol: packet.protocol,
    port: policyPort(packet),
  });
  return enforce(judgement, { path, context, direction: "ingress" });
}
