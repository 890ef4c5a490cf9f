import type { Packet } from "../../core/packet/packet.ts";
import type { Party } from "../../core/policy/party.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import type { PolicyDirection } from "../../core/policy/policy.ts";
import type { Action, HookContext } from "../../core/replay/plugin.ts";
import type { NodeDatapath } from "./datapath.ts";
import { enforce } from "./enforce.ts";
import { policyPort, type Tracker } from "./tracking.ts";

/** Ports that tunnels are wrapped for (pkg/defaults, TunnelPort). */
const TUNNEL_PORT = { vxlan: 8472, geneve: 6081 } as const;

/** A question to the host's policies. */
interface Asked {
  readonly direction: PolicyDirection;
  readonly peer: Party;
  readonly protocol: number;
  readonly port: number;
}

/**
 * Policies whose subject is the node itself, its own processes and hostNetwork
 * pods (bpf/lib/host_firewall.h; Documentation/security/policy/host.rst).
 * Packets that only pass through the node are none of theirs, answers pass.
 */
export class HostFirewall {
  readonly #path: NodeDatapath;
  readonly #host: Party;
  readonly #tracker: Tracker;

  constructor(path: NodeDatapath, host: Party) {
    this.#path = path;
    this.#host = host;
    this.#tracker = path.tracker();
  }

  /** What arrives at one of the node's own addresses; what is returned stops it (ipv4_host_policy_ingress). */
  ingress(packet: Packet, context: HookContext): Action | undefined {
    const { connection, state } = this.#tracker.lookBoth(packet, context);
    if (state === "reply" || state === "returned") return undefined;
    const stopped = this.admits(this.#path.senderOf(packet, context), {
      packet,
      context,
    });
    if (stopped === undefined && connection === null) {
      this.#remember(packet, context);
    }
    return stopped;
  }

  /** Whether somebody may reach the node; what is returned stops them. */
  admits(
    peer: Party,
    { packet, context, port = policyPort(packet) }: {
      readonly packet: Packet;
      readonly context: HookContext;
      /** Where a Service's port was translated. */
      readonly port?: number;
    },
  ): Action | undefined {
    context.sawIdentity(this.#path.identityOf(peer));
    const { protocol } = packet;
    return this.#judge(
      { direction: "ingress", peer, protocol, port },
      context,
    );
  }

  /** A tunnel's own packet is the sending node's, to the tunnel's port. */
  admitsTunnel(packet: Packet, context: HookContext): Action | undefined {
    const { tunnel } = this.#path.settings;
    if (tunnel === null) return undefined;
    const asked = {
      direction: "ingress" as const,
      protocol: PROTOCOL.udp,
      port: TUNNEL_PORT[tunnel],
    };
    const peer = this.#path.nodeBehind(packet.source);
    if (peer !== undefined) return this.#judge({ ...asked, peer }, context);
    const { isolatedBy } = this.#path.index.rulesOf(this.#host, "ingress");
    return isolatedBy === null ? undefined : {
      kind: "unknown",
      reason: "policies of the node, and it is not known which node wrapped it",
      rule: isolatedBy,
    };
  }

  /**
   * What a process of the node sends. What only has the node's address, behind
   * a masquerade, is not judged but remembered, so that its answer comes in
   * (ipv4_host_policy_egress).
   */
  egress(packet: Packet, context: HookContext): Action | undefined {
    const path = this.#path;
    const own = context.owner !== null && packet.mark === 0;
    if (!own && !path.isOwn(path.holderOf(packet.source))) return undefined;
    const { connection, state } = this.#tracker.lookBoth(packet, context);
    if (state === "reply" || state === "returned") return undefined;
    const { destination, protocol } = packet;
    const stopped = own
      ? this.#judge({
        direction: "egress",
        peer: path.receiverOf(path.holderOf(destination), {
          destination,
          context,
          alive: connection !== null,
        }),
        protocol,
        port: policyPort(packet),
      }, context)
      : undefined;
    if (stopped === undefined && connection === null) {
      this.#remember(packet, context);
    }
    return stopped;
  }

  #judge(asked: Asked, context: HookContext): Action | undefined {
    context.charge("lpmLookups", 1);
    const path = this.#path;
    const judgement = path.index.judgeParties(this.#host, asked);
    const { direction } = asked;
    const action = enforce(judgement, { path, context, direction });
    if (action?.kind !== "proxy") {
      return action?.kind === "accept" ? undefined : action;
    }
    const reason = "DNS rules of a node are not modelled";
    return { kind: "unknown", reason, rule: action.rule };
  }

  #remember(packet: Packet, context: HookContext): void {
    const connection = this.#tracker.open(packet, context);
    context.conntrack.confirm(connection, context.nowNs);
  }
}
