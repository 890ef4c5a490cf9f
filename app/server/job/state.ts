import { Cluster } from "../../../core/cluster/cluster.ts";
import { reviveEvent } from "../../../core/cluster/revive.ts";
import type { Event } from "../../../core/event.ts";
import type { LogEvent } from "../../../core/log/mod.ts";
import type { KubeObject } from "../../../core/cluster/model.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { MissingError, type RunPlace } from "../protocol.ts";
import type { StateAnswer } from "../schemas.ts";
import { openRunLog } from "./run_log.ts";

/** What exists and what governs once an event of a log has happened. */
export function stateAt(
  place: RunPlace,
  { stack, at }: { readonly stack: number; readonly at: number },
): StateAnswer {
  using log = openRunLog(place, stack);
  if (at >= log.head.position) {
    throw new MissingError(
      `there is no event ${at}: the log has ${log.head.position}`,
    );
  }
  const fold = new StateFold();
  for (const event of log.read()) {
    fold.add(event);
    if (event.position === at) return fold.state(event);
  }
  throw new MissingError(`there is no event ${at}`);
}

/** Folds the events of a log into the cluster and its policies. */
export class StateFold {
  readonly cluster = new Cluster();
  readonly #policies = new Map<string, KubeObject>();
  readonly #dumps: StateAnswer["dumps"] = [];
  #flows = 0;

  add(logged: LogEvent): void {
    switch (logged.type) {
      case "hop.taken":
      case "flow.closed":
        return;
      case "flow.opened":
        this.#flows++;
        return;
    }
    const at = { file: "run.dplog", line: 1, column: logged.position + 1 };
    const event = reviveEvent(logged as Event, at);
    this.cluster.apply(event);
    if (event.type === "policy.applied") {
      const { object } = event.data;
      this.#policies.set(policyKey(object), object);
    } else if (event.type === "policy.deleted") {
      const { kind, apiVersion, namespace, name } = event.data;
      const metadata = { name, ...(namespace === null ? {} : { namespace }) };
      this.#policies.delete(policyKey({ kind, apiVersion, metadata }));
    } else if (event.type === "dump.loaded") {
      const { node, format, source } = event.data;
      this.#dumps.push({ node, format, source });
    }
  }

  state(event: LogEvent): StateAnswer {
    const { namespaces, nodes, pods, services, slices } = this.cluster;
    const policies = [...this.#policies]
      .sort(([a], [b]) => a < b ? -1 : 1)
      .map(([, object]) => object);
    const counts = {
      namespaces: namespaces.size,
      nodes: nodes.size,
      pods: pods.size,
      services: services.size,
      endpointSlices: slices.size,
      policies: policies.length,
      dumps: this.#dumps.length,
    };
    const most = SERVER_LIMITS.stateObjects;
    return {
      at: event.position,
      timeNs: event.timeNs,
      event,
      counts: { ...counts, flows: this.#flows },
      truncated: Object.values(counts).some((count) => count > most),
      namespaces: first(namespaces.values()),
      nodes: first(nodes.values()),
      pods: first(pods.values()),
      services: first(services.values()),
      endpointSlices: first(slices.values()),
      policies: first(policies).map(policyRef),
      dumps: first(this.#dumps),
    };
  }
}

function first<T>(items: Iterable<T>): T[] {
  return [...items].slice(0, SERVER_LIMITS.stateObjects);
}

function policyKey(
  { apiVersion, kind, metadata }: Pick<
    KubeObject,
    "apiVersion" | "kind" | "metadata"
  >,
): string {
  const [group] = apiVersion.split("/");
  return JSON.stringify([
    kind,
    group,
    metadata.namespace ?? "",
    metadata.name,
  ]);
}

function policyRef(object: KubeObject): StateAnswer["policies"][number] {
  const { apiVersion, kind, metadata, source, spec } = object;
  const { file, line, column } = source;
  return {
    apiVersion,
    kind,
    namespace: metadata.namespace ?? null,
    name: metadata.name,
    source: { file, line, column },
    ...(spec === undefined ? {} : { spec }),
  };
}
