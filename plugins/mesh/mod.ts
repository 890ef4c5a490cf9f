import { PRIORITY } from "../../core/replay/hook.ts";
import { definePlugin, type Handler } from "../../core/replay/plugin.ts";
import { enterPod, leavePod } from "./handlers.ts";
import { Mesh } from "./mesh.ts";
import { MODELS } from "./models.ts";
import { meshOptions } from "./options.ts";
import { translateProbe, translateProbeAnswer } from "./probe_nat.ts";
import { evolve, MESH_KINDS, type MeshState } from "./state.ts";

/** An Istio service mesh: sidecars, ambient's ztunnel, or both side by side. */
export default definePlugin({
  manifest: {
    name: "mesh",
    version: "1.0.0",
    apiVersion: "v1",
    consumes: ["policy.applied", "policy.deleted"],
    kinds: MESH_KINDS,
    hooks: {
      leavePod: { hook: "pod-out", priority: PRIORITY.destinationNat },
      enterPod: { hook: "pod-in", priority: PRIORITY.destinationNat },
      probe: { hook: "postrouting", priority: PRIORITY.sourceNat },
      probeAnswer: { hook: "prerouting", priority: PRIORITY.conntrack },
    },
    scope: "flow",
    models: MODELS,
  },
  options: meshOptions,
  initialState: (): MeshState => ({ objects: {} }),
  evolve,
  compile: (state: MeshState, cluster, options) =>
    new Mesh(state, { cluster, options }),
  attach(mesh) {
    const redirects = {
      leavePod: (packet, context) => leavePod(packet, context, mesh),
      enterPod: (packet, context) => enterPod(packet, context, mesh),
    } satisfies Record<string, Handler>;
    return mesh.options.probeSourceNat && mesh.hasAmbient
      ? {
        ...redirects,
        probe: ((packet, context) =>
          translateProbe(packet, context, mesh)) satisfies Handler,
        probeAnswer: translateProbeAnswer,
      }
      : redirects;
  },
});
