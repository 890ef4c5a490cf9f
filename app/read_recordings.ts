import { dirname, join } from "node:path";
import { Cluster } from "../core/cluster/cluster.ts";
import type { ClusterView } from "../core/cluster/view.ts";
import { importManifests } from "../core/import/manifests.ts";
import { outsidePlace, type PlaceOf } from "../core/import/recorded_flow.ts";
import type { Replayed, Scenario } from "../core/scenario/scenario.ts";
import type { TimedFlow } from "../core/scenario/scenario_tape.ts";
import { readCapture } from "./input/capture.ts";
import { readHubble } from "./input/hubble.ts";

/** How to find recordings. */
export interface RecordingPlaces {
  /** Where the file is that a scenario names; beside the scenario when left out. */
  readonly pathOf?: (path: string) => string;
}

/** The flows of every step of a scenario that replays a recording, by the step's name. */
export async function readRecordings(
  scenario: Scenario,
  { pathOf = (path) => join(dirname(scenario.source.file), path) }:
    RecordingPlaces = {},
): Promise<Map<string, readonly TimedFlow[]>> {
  const recordings = new Map<string, readonly TimedFlow[]>();
  let placeOf: PlaceOf | undefined;
  for (const { name, action } of scenario.steps) {
    if (action.kind !== "replay") continue;
    placeOf ??= placesOf(clusterOf(scenario));
    const path = pathOf(action.replay.file.path);
    recordings.set(name, await readFlows(path, action.replay, placeOf));
  }
  return recordings;
}

/** Says who in a cluster has an address. */
export function placesOf(cluster: ClusterView): PlaceOf {
  return (ip) => {
    const pod = cluster.podAt(ip);
    if (pod !== undefined) {
      return { kind: "pod", namespace: pod.namespace, name: pod.name };
    }
    const node = cluster.nodeAt(ip);
    return node === undefined
      ? outsidePlace(ip)
      : { kind: "node", name: node.name };
  };
}

/** The cluster as it is when the scenario begins. */
function clusterOf({ fixtures }: Scenario): Cluster {
  const cluster = new Cluster();
  const { events } = importManifests(fixtures.flatMap(({ files }) => files));
  for (const event of events) cluster.apply(event);
  return cluster;
}

async function readFlows(
  path: string,
  { format, where, limit }: Replayed,
  placeOf: PlaceOf,
): Promise<TimedFlow[]> {
  const recording = format === "hubble"
    ? readHubble(path, { placeOf })
    : readCapture(path, { placeOf });
  const flows: TimedFlow[] = [];
  for await (const batch of recording) {
    for (const { flow, timeNs } of batch) {
      if (where === null || where(flow)) flows.push({ flow, timeNs });
      if (flows.length === limit) return inOrder(flows);
    }
  }
  return inOrder(flows);
}

/** Flows come out of a recording as they end. */
function inOrder(flows: readonly TimedFlow[]): TimedFlow[] {
  return flows.toSorted((a, b) => a.timeNs - b.timeNs);
}
