import type { Pod } from "../../core/cluster/model.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { Payload } from "../../core/packet/packet.ts";
import { formatEndpoint } from "../../core/packet/walking_packet.ts";
import type {
  Exchange,
  HookContext,
  ProxyDecision,
} from "../../core/replay/plugin.ts";
import { HBONE_PORT, hboneTunnel } from "./client_tls.ts";
import {
  forward,
  type Onward,
  reset,
  unknown,
  ZTUNNEL_MARK,
} from "./decision.ts";
import { weighChoices } from "./endpoint_choice.ts";
import { openTunnel } from "./inbound.ts";
import type { Mesh } from "./mesh.ts";
import { authorize } from "./rbac.ts";
import type { MeshPort } from "./service_registry.ts";
import { waypointOf } from "./waypoint.ts";

interface Captured {
  readonly mesh: Mesh;
  readonly pod: Pod;
  readonly context: HookContext;
}

/**
 * What ztunnel does with a connection that leaves an ambient pod: it picks an
 * endpoint itself when the destination is a Service, and tunnels to members
 * of the mesh that take tunnels; everything else goes on as it is.
 */
export function handleZtunnelOutbound(
  { packet, payload }: Exchange,
  captured: Captured,
): ProxyDecision {
  const { mesh, context } = captured;
  const { destination, destinationPort } = packet;
  const port = mesh.registry.portAtAddress(destination, destinationPort);
  if (port === undefined || port.service.headless) {
    return connect(
      { ip: destination, port: destinationPort },
      { payload, captured },
    );
  }
  const waypoint = waypointOf(port.service, mesh);
  if (waypoint !== undefined) return unknown(waypoint);
  const { set, choices } = weighChoices([{
    weight: 1,
    cluster: clusterOf(port, { mesh, family: destination.family }),
  }]);
  const choice = choices[context.pick(set)];
  return choice === undefined
    ? reset("error", {
      reason: "no healthy upstream",
      rule: {
        name: `Service ${port.service.namespace}/${port.service.name}`,
        source: port.service.source,
      },
    })
    : connect(choice.endpoint, { payload, captured });
}

/**
 * What ztunnel does with a connection for an ambient pod: it opens tunnels,
 * takes plaintext unless that is refused, applies the layer 4 part of
 * authorization, and connects to the application under the client's address.
 */
export function handleZtunnelInbound(
  { packet, payload }: Exchange,
  { mesh, pod, context }: Captured,
): ProxyDecision {
  const tunnel = packet.destinationPort === HBONE_PORT
    ? openTunnel(payload)
    : null;
  if (packet.destinationPort === HBONE_PORT && tunnel === null) {
    const reason = "no tunnel: port 15008 takes HBONE alone";
    return reset("rejected", { reason, rule: null });
  }
  const port = tunnel?.port ?? packet.destinationPort;
  const spiffeId = tunnel?.spiffeId ?? null;
  if (spiffeId !== null) context.sawIdentity(spiffeId);
  const { mode, rule } = mesh.peerAuthentications.ambientModeAt(pod, port);
  if (mode === "STRICT" && spiffeId === null) {
    const reason = "connection closed due to policy rejection: STRICT";
    return reset("rejected", { reason, rule });
  }
  const access = authorize(mesh.policiesOf(pod, "ztunnel"), {
    source: packet.source,
    destination: packet.destination,
    destinationPort: port,
    spiffeId,
    serverName: null,
    request: null,
    token: "none",
  });
  if (access.kind === "unknown") return unknown(access);
  if (access.kind === "denied") {
    const reason = "connection closed due to policy rejection";
    return reset("rejected", { reason, rule: access.rule });
  }
  return marked({
    destination: packet.destination,
    destinationPort: port,
    source: packet.source,
    payload: tunnel?.payload ?? payload,
    rule: access.rule,
  });
}

function connect(
  to: { readonly ip: Ip; readonly port: number },
  { payload, captured }: {
    readonly payload: Payload;
    readonly captured: Captured;
  },
): ProxyDecision {
  const { mesh, pod } = captured;
  if (mesh.planeAt(to.ip) === "none") {
    return marked({
      destination: to.ip,
      destinationPort: to.port,
      payload,
      rule: null,
    });
  }
  return marked({
    destination: to.ip,
    destinationPort: HBONE_PORT,
    payload: hboneTunnel(payload, {
      client: pod,
      authority: formatEndpoint(to.ip, to.port),
      trustDomain: mesh.options.trustDomain,
    }),
    rule: null,
  });
}

function marked(onward: Onward): ProxyDecision {
  return forward({ ...onward, mark: ZTUNNEL_MARK, uid: 0 });
}

function clusterOf(
  port: MeshPort,
  { mesh, family }: { readonly mesh: Mesh; readonly family: 4 | 6 },
) {
  return {
    upstream: { host: port.host, port: port.port.port, subset: null },
    port,
    policy: undefined,
    keepsDestination: false,
    endpoints: mesh.registry.endpointsOf(port, family),
  };
}
