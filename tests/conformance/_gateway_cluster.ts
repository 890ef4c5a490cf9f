import { Cluster } from "../../core/cluster/cluster.ts";
import { makeTape } from "../../core/event.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { compile, type Compiled } from "../../plugins/gateway/compile.ts";
import {
  GATEWAY_OPTIONS,
  type GatewayOptions,
} from "../../plugins/gateway/options.ts";
import { evolve, type GatewayState } from "../../plugins/gateway/state.ts";

/** Manifests folded into a cluster, and what the gateway plugin makes of them. */
export interface GatewayCluster {
  readonly cluster: Cluster;
  readonly state: GatewayState;
  readonly compiled: Compiled;
}

/** Folds manifests as a tape at time 0 would. */
export function foldManifests(
  files: readonly { readonly file: string; readonly text: string }[],
  options: Partial<GatewayOptions> = {},
): GatewayCluster {
  const { events } = importManifests(files);
  const cluster = new Cluster();
  let state: GatewayState = { objects: {} };
  for (const event of makeTape(events.map((event) => ({ timeNs: 0, event })))) {
    cluster.apply(event);
    state = evolve(state, event);
  }
  const checked = GATEWAY_OPTIONS.parse(options);
  return { cluster, state, compiled: compile(state, cluster, checked) };
}
