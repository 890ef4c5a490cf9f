import type { Pod } from "../../core/cluster/model.ts";
import type { Packet } from "../../core/packet/packet.ts";
import type {
  Exchange,
  Handled,
  HookContext,
  ProxyDecision,
} from "../../core/replay/plugin.ts";
import type { Rule } from "../../core/source.ts";
import { ambientInbound, ambientOutbound } from "./ambient_redirect.ts";
import { HBONE_PORT } from "./client_tls.ts";
import { handleInbound } from "./inbound.ts";
import type { Mesh } from "./mesh.ts";
import { handleOutbound } from "./outbound.ts";
import { captureInbound, captureOutbound } from "./sidecar_redirect.ts";
import { handleZtunnelInbound, handleZtunnelOutbound } from "./ztunnel.ts";

type Handle = (
  exchange: Exchange,
  captured: {
    readonly mesh: Mesh;
    readonly pod: Pod;
    readonly context: HookContext;
  },
) => ProxyDecision;

/** What leaves a process in a pod: redirected to its sidecar, to ztunnel, or to nobody. */
export function leavePod(
  packet: Packet,
  context: HookContext,
  mesh: Mesh,
): Handled {
  const { pod, owner, direction } = context;
  if (pod === null || owner === null || direction === "reply") return undefined;
  switch (mesh.planeOf(pod)) {
    case "none":
      return undefined;
    case "ambient": {
      const rule = ambientOutbound(packet, pod);
      return rule &&
        proxied("ztunnel", rule, { mesh, pod, handle: handleZtunnelOutbound });
    }
    case "sidecar": {
      const capture = captureOutbound(packet, { pod, uid: owner.uid });
      return capture && proxied("istio-proxy", capture.rule, {
        mesh,
        pod,
        handle: capture.listener === "outbound"
          ? (exchange, { context }) =>
            handleOutbound(exchange, { mesh, client: pod, context })
          : handleInbound,
      });
    }
  }
}

/** What arrives in a pod's network namespace. */
export function enterPod(
  packet: Packet,
  { pod, direction }: HookContext,
  mesh: Mesh,
): Handled {
  if (pod === null || direction === "reply") return undefined;
  switch (mesh.planeOf(pod)) {
    case "none":
      return undefined;
    case "ambient": {
      const rule = ambientInbound(packet, pod);
      return rule &&
        proxied("ztunnel", rule, { mesh, pod, handle: handleZtunnelInbound });
    }
    case "sidecar": {
      const rule = captureInbound(packet, pod)?.rule ??
        tunnelListener(packet, { mesh, pod });
      return rule &&
        proxied("istio-proxy", rule, { mesh, pod, handle: handleInbound });
    }
  }
}

/** Where the mesh has ambient members too, sidecars take tunnels on a port of their own. */
function tunnelListener(
  packet: Packet,
  { mesh, pod }: { readonly mesh: Mesh; readonly pod: Pod },
): Rule | undefined {
  return packet.destinationPort === HBONE_PORT && mesh.hasAmbient
    ? {
      name:
        `istio-proxy listens on ${HBONE_PORT} in pod ${pod.namespace}/${pod.name}`,
      source: pod.source,
    }
    : undefined;
}

function proxied(
  name: string,
  rule: Rule,
  { mesh, pod, handle }: {
    readonly mesh: Mesh;
    readonly pod: Pod;
    readonly handle: Handle;
  },
): Handled {
  return {
    kind: "proxy",
    rule,
    proxy: {
      name: `${name} of ${pod.namespace}/${pod.name}`,
      place: { kind: "pod", namespace: pod.namespace, name: pod.name },
      handle: (exchange, context) => handle(exchange, { mesh, pod, context }),
    },
  };
}
