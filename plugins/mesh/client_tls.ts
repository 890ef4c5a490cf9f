import type { Pod } from "../../core/cluster/model.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { Payload } from "../../core/packet/packet.ts";
import type { Cluster } from "./endpoint_choice.ts";
import { spiffeIdOf } from "./identity.ts";
import type { Mesh } from "./mesh.ts";
import { clusterServerName } from "./upstream.ts";

/** Port on which members of an ambient mesh take tunnels. */
export const HBONE_PORT = 15008;

/** How a sidecar reaches an endpoint. */
export type Transport = "plaintext" | "mtls" | "hbone" | "own-tls";

/**
 * The transport for an endpoint. A DestinationRule's TLS settings are obeyed
 * whatever the server accepts; without any, mutual TLS is used exactly where
 * the endpoint has a sidecar that accepts it (istio/istio
 * pilot/pkg/networking/core/cluster_tls.go, buildUpstreamTLSSettings, and
 * pilot/pkg/xds/endpoints/mtls_checker.go).
 */
export function transportTo(
  { cluster, ip, port }: {
    readonly cluster: Cluster;
    readonly ip: Ip;
    readonly port: number;
  },
  mesh: Mesh,
): Transport {
  // Between sidecars mutual TLS is preferred to HBONE (PREFER_HBONE_SEND is off).
  if (mesh.planeAt(ip) === "ambient") return "hbone";
  const { subset } = cluster.upstream;
  switch (cluster.policy?.tls(subset, cluster.upstream.port) ?? "auto") {
    case "ISTIO_MUTUAL":
      return "mtls";
    case "SIMPLE":
    case "MUTUAL":
      return "own-tls";
    case "DISABLE":
      return "plaintext";
    case "auto":
      return autoMtls({ cluster, ip, port }, mesh) ? "mtls" : "plaintext";
  }
}

/** What a sidecar writes into a connection that it secures by mutual TLS. */
export function mutualTls(
  inside: Payload,
  { cluster, client, trustDomain }: {
    readonly cluster: Cluster;
    readonly client: Pod;
    readonly trustDomain: string;
  },
): Payload {
  return {
    kind: "tls",
    serverName: clusterServerName(cluster.upstream),
    alpn: inside.kind === "http"
      ? ["istio-http/1.1", "istio", "http/1.1"]
      : ["istio-peer-exchange", "istio"],
    by: "proxy",
    clientIdentity: spiffeIdOf(client, trustDomain),
    inside,
  };
}

/** A tunnel to a member of an ambient mesh: HTTP CONNECT inside mutual TLS. */
export function hboneTunnel(
  inside: Payload,
  { client, authority, trustDomain }: {
    readonly client: Pod;
    readonly authority: string;
    readonly trustDomain: string;
  },
): Payload {
  return {
    kind: "tls",
    serverName: null,
    alpn: ["h2"],
    by: "proxy",
    clientIdentity: spiffeIdOf(client, trustDomain),
    inside: { kind: "connect", authority, inside },
  };
}

function autoMtls(
  { cluster, ip, port }: {
    readonly cluster: Cluster;
    readonly ip: Ip;
    readonly port: number;
  },
  mesh: Mesh,
): boolean {
  if (!mesh.options.autoMtls) return false;
  if (cluster.keepsDestination) return allHaveSidecars(cluster, mesh);
  const pod = mesh.cluster.podAt(ip);
  return pod !== undefined && mesh.planeOf(pod) === "sidecar" &&
    mesh.peerAuthentications.modeAt(pod, port).mode !== "DISABLE";
}

/** A cluster that keeps destinations has one transport for all, so one endpoint without sidecar turns it off. */
function allHaveSidecars(cluster: Cluster, mesh: Mesh): boolean {
  const { service } = cluster.port;
  return cluster.endpoints.length > 0 &&
    mesh.peerAuthentications.namespaceMode(service.namespace) !== "DISABLE" &&
    cluster.endpoints.every(({ ip }) => mesh.planeAt(ip) === "sidecar");
}
