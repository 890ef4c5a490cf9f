import type { Pod } from "../../core/cluster/model.ts";
import { Ip } from "../../core/packet/ip.ts";
import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import type { Rule } from "../../core/source.ts";
import { HBONE_PORT } from "./client_tls.ts";
import { ZTUNNEL_MARK } from "./decision.ts";

/** Address that the kubelet's probes take towards ambient pods (istio/istio cni/pkg/constants). */
export const PROBE_SOURCE = {
  4: Ip.of("169.254.7.127"),
  6: Ip.of("fd16:9254:7127:1337:ffff:ffff:ffff:ffff"),
} as const;

/** Bits of the mark that ztunnel's rules compare. */
const MARK_MASK = 0xfff;

/**
 * The rule in an ambient pod that hands a connection made there to ztunnel;
 * undefined for ztunnel's own, for loopback, and for answers to probes
 * (istio/istio cni/pkg/iptables, in-pod rules).
 */
export function ambientOutbound(packet: Packet, pod: Pod): Rule | undefined {
  const { destination } = packet;
  if (
    packet.protocol !== PROTOCOL.tcp || isMarked(packet) ||
    destination.isLoopback || destination.equals(probeSource(destination)) ||
    pod.ips.some((own) => own.equals(destination))
  ) {
    return undefined;
  }
  return natRule("ISTIO_OUTPUT", 15001, pod);
}

/** The same for a connection that arrives: tunnels to ztunnel's own port, plaintext by redirect, probes not at all. */
export function ambientInbound(packet: Packet, pod: Pod): Rule | undefined {
  const { source, destinationPort } = packet;
  if (
    packet.protocol !== PROTOCOL.tcp || isMarked(packet) ||
    source.equals(probeSource(source))
  ) {
    return undefined;
  }
  return destinationPort === HBONE_PORT
    ? {
      name: `ztunnel listens on ${HBONE_PORT} in pod ${podName(pod)}`,
      source: pod.source,
    }
    : natRule("ISTIO_PRERT", 15006, pod);
}

function isMarked(packet: Packet): boolean {
  return (packet.mark & MARK_MASK) === ZTUNNEL_MARK;
}

function probeSource(like: Ip): Ip {
  return PROBE_SOURCE[like.family];
}

function natRule(chain: string, port: number, pod: Pod): Rule {
  return {
    name: `nat ${chain} in pod ${podName(pod)}`,
    text:
      `-A ${chain} ! -d 127.0.0.1/32 -p tcp -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports ${port}`,
    source: pod.source,
  };
}

function podName(pod: Pod): string {
  return `${pod.namespace}/${pod.name}`;
}
