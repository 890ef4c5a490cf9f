import { Cluster } from "../../core/cluster/cluster.ts";
import { makeTape } from "../../core/event.ts";
import { importManifests } from "../../core/import/manifests.ts";
import { Mesh } from "../../plugins/mesh/mesh.ts";
import { meshOptions } from "../../plugins/mesh/options.ts";
import { evolve, type MeshState } from "../../plugins/mesh/state.ts";

/** Manifests folded as a tape at time 0 would, and the mesh that they make. */
export function foldMesh(manifests: string, options: object = {}): Mesh {
  const { events } = importManifests([{ file: "case.yaml", text: manifests }]);
  const cluster = new Cluster();
  let state: MeshState = { objects: {} };
  for (const event of makeTape(events.map((event) => ({ timeNs: 0, event })))) {
    cluster.apply(event);
    state = evolve(state, event);
  }
  return new Mesh(state, { cluster, options: meshOptions.parse(options) });
}

/** Joins documents of YAML, empty ones left out. */
export function joinDocuments(...texts: readonly string[]): string {
  return texts.flatMap((text) => text.split(/^---[ \t]*$/m))
    .map((text) => text.trim()).filter((text) => text !== "")
    .join("\n---\n");
}
