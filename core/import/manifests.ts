import type { Cluster } from "../cluster/cluster.ts";
import type { Problem } from "../errors.ts";
import type { NewEvent } from "../event.ts";
import { problemsError } from "../_yaml.ts";
import { completeEvents } from "./_complete_events.ts";
import { deletionsOf } from "./_manifest_deletion.ts";
import { readDrafts } from "./_manifest_drafts.ts";
import {
  type Findings,
  type ManifestFile,
  readObjects,
} from "./_manifest_object.ts";

export type { ManifestFile };

/** What manifests say. */
export interface ManifestImport {
  /** In the order in which a cluster needs them. */
  readonly events: readonly NewEvent[];
  /** Objects that were left out on purpose, by kind. */
  readonly ignored: Readonly<Record<string, number>>;
  readonly warnings: readonly Problem[];
}

/** What an import may build on. */
export interface ManifestOptions {
  /** What exists already: its addresses stay, its nodes are not made up again. */
  readonly cluster?: Cluster;
}

/**
 * Turns manifests into the events that make a cluster of them: files with any
 * number of documents, `kind: List`, typed lists, JSON. What manifests leave
 * to controllers and to the API server (pods of a Deployment, addresses, node
 * ports, nodes) is made up, the same way every time. Throws an `InputError`
 * with everything that is wrong in any of the files.
 *
 * @example
 * ```ts
 * const { events } = importManifests([{ file: "web.yaml", text }]);
 * const cluster = new Cluster();
 * for (const event of events) cluster.apply(event);
 * ```
 */
export function importManifests(
  files: readonly ManifestFile[],
  { cluster }: ManifestOptions = {},
): ManifestImport {
  const findings: Findings = { problems: [], warnings: [] };
  const drafts = readDrafts(readObjects(files, findings));
  const events = completeEvents(drafts, {
    cluster: cluster ?? null,
    start: { file: files[0]?.file ?? "manifests", line: 1, column: 1 },
  });
  if (findings.problems.length > 0) throw problemsError(inOrder(findings));
  const ignored = Object.fromEntries(
    [...drafts.ignored].sort(([a], [b]) => a < b ? -1 : 1),
  );
  return { events, ignored, warnings: findings.warnings };
}

/** {@link importManifests} on top of what exists, as `kubectl apply` does. */
export function applyEvents(
  files: readonly ManifestFile[],
  { cluster }: { cluster: Cluster },
): ManifestImport {
  return importManifests(files, { cluster });
}

/**
 * The events of `kubectl delete -f`: only kind, name and namespace of the
 * manifests count. Controllers take their pods with them, namespaces all that
 * the cluster has in them.
 */
export function deleteEvents(
  files: readonly ManifestFile[],
  { cluster }: { cluster: Cluster },
): readonly NewEvent[] {
  const findings: Findings = { problems: [], warnings: [] };
  const events = readObjects(files, findings)
    .flatMap((object) => deletionsOf(object, cluster));
  if (findings.problems.length > 0) throw problemsError(findings.problems);
  return events;
}

/** As a reader meets them: file by file, from the top. */
function inOrder({ problems }: Findings): Problem[] {
  const files = [...new Set(problems.map(({ at }) => at.file))];
  return problems.toSorted(({ at: a }, { at: b }) =>
    files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line ||
    a.column - b.column
  );
}
