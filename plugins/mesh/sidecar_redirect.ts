import type { Pod } from "../../core/cluster/model.ts";
import { Cidr, type Ip } from "../../core/packet/ip.ts";
import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import type { Rule } from "../../core/source.ts";
import { HBONE_PORT } from "./client_tls.ts";
import { PROXY_UID } from "./decision.ts";

/** Which listener of a sidecar a connection is redirected to, and by which rule. */
export interface Capture {
  readonly listener: "outbound" | "inbound";
  readonly rule: Rule;
}

const ANNOTATIONS = "traffic.sidecar.istio.io/";

/** Source of what Envoy sends to its own application. */
const INBOUND_SOURCES: readonly string[] = ["127.0.0.6", "::6"];

/** Ports that the injector excludes by itself: metrics, health, the agent's status port. */
const AGENT_PORTS: readonly number[] = [15020, 15021, 15090];

/**
 * The nat rules that istio-init or the CNI plugin leaves in a pod, for a
 * connection made in it (istio/istio tools/istio-iptables/pkg/capture/run.go;
 * REDIRECT mode).
 */
export function captureOutbound(
  packet: Packet,
  { pod, uid }: { readonly pod: Pod; readonly uid: number },
): Capture | undefined {
  if (packet.protocol !== PROTOCOL.tcp) return undefined;
  const { destination, destinationPort } = packet;
  const local = destination.isLoopback || isOwn(destination, pod);
  if (
    annotatedPorts(pod, "excludeOutboundPorts").includes(destinationPort) ||
    (local && INBOUND_SOURCES.includes(packet.source.text))
  ) {
    return undefined;
  }
  if (uid === PROXY_UID) {
    // Envoy calling its own pod's Service comes in by the front door.
    return local && !destination.isLoopback && destinationPort !== HBONE_PORT
      ? { listener: "inbound", rule: natRule("ISTIO_IN_REDIRECT", 15006, pod) }
      : undefined;
  }
  if (local || inRanges(destination, pod, "excludeOutboundIPRanges")) {
    return undefined;
  }
  const included = pod.annotations[`${ANNOTATIONS}includeOutboundIPRanges`] ??
    "*";
  const captured = included === "*" ||
    annotatedPorts(pod, "includeOutboundPorts").includes(destinationPort) ||
    inRanges(destination, pod, "includeOutboundIPRanges");
  return captured
    ? { listener: "outbound", rule: natRule("ISTIO_REDIRECT", 15001, pod) }
    : undefined;
}

/** The same for a connection that arrives from outside the pod. */
export function captureInbound(packet: Packet, pod: Pod): Capture | undefined {
  const { destinationPort } = packet;
  if (
    packet.protocol !== PROTOCOL.tcp || destinationPort === HBONE_PORT
  ) {
    return undefined;
  }
  const included = pod.annotations[`${ANNOTATIONS}includeInboundPorts`] ?? "*";
  const captured = included === "*"
    ? !AGENT_PORTS.includes(destinationPort) &&
      !annotatedPorts(pod, "excludeInboundPorts").includes(destinationPort)
    : annotatedPorts(pod, "includeInboundPorts").includes(destinationPort);
  return captured
    ? { listener: "inbound", rule: natRule("ISTIO_IN_REDIRECT", 15006, pod) }
    : undefined;
}

function isOwn(ip: Ip, pod: Pod): boolean {
  return pod.ips.some((own) => own.equals(ip));
}

function annotated(pod: Pod, name: string): string[] {
  return (pod.annotations[`${ANNOTATIONS}${name}`] ?? "").split(",")
    .map((item) => item.trim()).filter((item) => item !== "");
}

function annotatedPorts(pod: Pod, name: string): number[] {
  return annotated(pod, name).map(Number);
}

function inRanges(ip: Ip, pod: Pod, name: string): boolean {
  return annotated(pod, name).some((range) => Cidr.parse(range)?.contains(ip));
}

function natRule(chain: string, port: number, pod: Pod): Rule {
  return {
    name: `nat ${chain} in pod ${pod.namespace}/${pod.name}`,
    text: `-A ${chain} -p tcp -j REDIRECT --to-ports ${port}`,
    source: pod.source,
  };
}
