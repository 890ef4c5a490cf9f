import type { KubeObject, Node } from "../../../core/cluster/model.ts";
import type { ClusterView } from "../../../core/cluster/view.ts";
import { compareText } from "../../../core/policy/compare_text.ts";
import type { SourcePosition } from "../../../core/source.ts";
import { Compiler } from "../compiler.ts";
import { isAgentConfig, readConfigMap } from "../config_map.ts";
import { NodeDatapath } from "../datapath.ts";
import { type LoadedDump, nodeMaps } from "../dumps/loaded_dumps.ts";
import { isAgentObject } from "../live/agent_objects.ts";
import { type Options, optionsSchema, settingsOf } from "../options.ts";
import { identityDrift } from "./identity_drift.ts";
import { policyDrift } from "./policy_drift.ts";
import { serviceDrift } from "./service_drift.ts";

/** One thing in which a live map is not what would be computed. */
export interface MapDrift {
  readonly kind: "missing" | "stale" | "different";
  /** The map's name, a policy map's with its endpoint. */
  readonly map: string;
  /** The entry, in the words of the map. */
  readonly entry: string;
  /** Whose it is, or in what it differs; null when there is no more to say. */
  readonly detail: string | null;
  /** Of the dump, for what is in it. */
  readonly at: SourcePosition | null;
}

/** What was compared, and what came of it. */
export interface MapDriftReport {
  readonly drifts: readonly MapDrift[];
  /** Entries that are as they would be computed. */
  readonly same: number;
  /** What could not be compared, and why. */
  readonly unknown: readonly string[];
}

/** What a dump is compared with. */
export interface DriftGround {
  readonly cluster: ClusterView;
  /** Policies, the agents' configuration and their own objects. */
  readonly objects: readonly KubeObject[];
  readonly node: Node;
  readonly options: Options;
}

/** Everything that a comparison of single maps may need. */
export interface Comparison {
  readonly path: NodeDatapath;
  readonly maps: ReturnType<typeof nodeMaps>;
  readonly ground: DriftGround;
}

/** Options where no ConfigMap of the agents is among the manifests: an agent that does all that kube-proxy would. */
export const DRIFT_OPTIONS: Options = optionsSchema.parse({
  values: { kubeProxyReplacement: true },
});

/**
 * Compares the maps of one node as they were dumped with those that its
 * agent would have written for the manifests. Ids that an agent gives out in
 * the order of events, of services, backends, identities, do not count.
 */
export function mapDrift(
  dumps: readonly LoadedDump[],
  ground: DriftGround,
): MapDriftReport {
  const { cluster, objects, node } = ground;
  const config = objects.find(isAgentConfig);
  const { options, warnings } = config === undefined
    ? { options: ground.options, warnings: [] }
    : readConfigMap(config, ground.options);
  const compiler = new Compiler({
    cluster,
    settings: settingsOf(options),
    warnings,
  });
  const policies = objects.filter((one) => !isAgentObject(one));
  const compiled = compiler.compile(policies, {
    answers: {},
    arrivals: null,
    dumps: dumps.map((dump) => ({ dump, timeNs: 0 })),
    agentObjects: objects.filter(isAgentObject),
  });
  const comparison = {
    path: new NodeDatapath(compiled, node),
    maps: nodeMaps(dumps, node.name),
    ground,
  };
  const reports = [
    serviceDrift(comparison),
    identityDrift(comparison),
    policyDrift(comparison),
  ];
  return {
    drifts: reports.flatMap(({ drifts }) => drifts).sort((a, b) =>
      compareText(a.map, b.map) || compareText(a.entry, b.entry)
    ),
    same: reports.reduce((sum, { same }) => sum + same, 0),
    unknown: [...new Set(reports.flatMap(({ unknown }) => unknown))].sort(),
  };
}
