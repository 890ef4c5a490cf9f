import type { KubeObject, Node } from "../../../core/cluster/model.ts";
import type { ClusterView } from "../../../core/cluster/view.ts";
import type { Backend } from "../backend_set.ts";
import { type CompiledPolicies, WORLD } from "../compile_policies.ts";
import { LOOPBACK, type NodeDatapath } from "../datapath.ts";
import {
  isOfState,
  isOfUnknownMap,
  type LoadedDump,
  type NodeMaps,
  nodeMaps,
} from "../dumps/loaded_dumps.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import { CILIUM_MAPS } from "../maps/cilium_maps.ts";
import {
  backendById,
  frontendOfId,
  frontendsIn,
} from "../maps/lb/find_service.ts";
import { SERVICE_FLAG } from "../maps/lb/service_flags.ts";
import type { Settings } from "../options.ts";
import type { Frontends } from "../service_map.ts";
import { type AgentObjects, readAgentObjects } from "./agent_objects.ts";
import { keptAffinities } from "./live_affinity.ts";
import { LiveConnections } from "./live_connections.ts";
import { LiveIdentities } from "./live_identities.ts";
import { LiveNode } from "./live_node.ts";
import { inconsistencies } from "./live_frontend.ts";
import { LiveServices } from "./live_services.ts";

/** A dump and when it was loaded. JSON-safe. */
export interface TimedDump {
  readonly dump: LoadedDump;
  readonly timeNs: number;
}

/** What nodes' dumps are held against. */
interface Ground {
  readonly dumps: readonly TimedDump[];
  readonly objects: Iterable<KubeObject>;
  readonly cluster: ClusterView;
  readonly settings: Settings;
  readonly policies: CompiledPolicies;
  readonly services: Frontends;
}

/** The dumps of every node. */
export class LiveNodes {
  readonly #ground: Ground;
  #agents: AgentObjects | null = null;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** A node as its dumps have it; null when it has none. */
  of(node: Node, path: NodeDatapath): LiveNode | null {
    const { name } = node;
    const dumps = this.#dumpsOf(name);
    if (dumps.length === 0) return null;
    const { cluster, settings, policies, services } = this.#ground;
    const maps = nodeMaps(dumps.map(({ dump }) => dump), name);
    const agents = this.#agents ??= readAgentObjects(this.#ground.objects);
    return new LiveNode({
      node: name,
      maps,
      agents,
      index: policies.index,
      services: maps.services === null ? null : new LiveServices(
        { maps: maps.maps, services: maps.services },
        services,
      ),
      connections: connectionsOf(maps, { dumps, path }),
      identities: identitiesOf(maps, { agents, path, policies, cluster }),
      audits: settings.audit.all,
    });
  }

  /** What in the dumps does not go together, or has no room left. */
  warnings(): readonly string[] {
    const { cluster, dumps: all } = this.#ground;
    if (all.length === 0) return [];
    const strangers = new Set(
      all.flatMap(({ dump: { node } }) =>
        node === null || cluster.nodes.has(node) ? [] : [node]
      ),
    );
    const nowhere = [...strangers].map((node) =>
      `dumps of ${node} are of no use: there is no such node`
    );
    const unread = all.flatMap(({ dump }) =>
      isOfUnknownMap(dump)
        ? [`${dump.source.file} is of a map that decides nothing here`]
        : []
    );
    const found = [...cluster.nodes.keys()].flatMap((name) => {
      const dumps = this.#dumpsOf(name);
      if (dumps.length === 0) return [];
      const maps = nodeMaps(dumps.map(({ dump }) => dump), name);
      return [
        ...(maps.services === null ? [] : inconsistencies(maps.services, name)),
        ...fullMaps(maps.maps, name),
      ];
    });
    return [...nowhere, ...unread, ...found];
  }

  /** Whether some dumped frontend keeps clients at their backend. */
  haveAffinity(): boolean {
    const { cluster, dumps } = this.#ground;
    if (dumps.length === 0) return false;
    return [...cluster.nodes.keys()].some((name) => {
      const { services } = nodeMaps(
        this.#dumpsOf(name).map(({ dump }) => dump),
        name,
      );
      return services !== null &&
        ([4, 6] as const).some((family) =>
          frontendsIn(services, family).some(({ flags }) =>
            (flags & SERVICE_FLAG.affinity) !== 0
          )
        );
    });
  }

  #dumpsOf(node: string): readonly TimedDump[] {
    const { dumps } = this.#ground;
    return dumps.filter(({ dump }) => dump.node === null || dump.node === node);
  }
}

function identitiesOf(
  maps: NodeMaps,
  { agents, path, policies, cluster }: {
    readonly agents: AgentObjects;
    readonly path: NodeDatapath;
    readonly policies: CompiledPolicies;
    readonly cluster: ClusterView;
  },
): LiveIdentities {
  const { index, reservedOf } = policies;
  return new LiveIdentities({
    ipcache: maps.ipcache,
    labels: maps.identities.size === 0
      ? agents.identities
      : new Map([...agents.identities, ...maps.identities]),
    endpoints: agents.endpoints,
    holderOf: (ip) => path.holderOf(ip),
    partyOf: (holder) => path.partyOf(holder),
    partyOfPod: (pod) => index.partyOf(pod),
    roleOf: (name) => index.role(name),
    world: (family) => index.outside(WORLD[family]),
    pods: () => cluster.pods.values(),
    reservedOf,
  });
}

function connectionsOf(
  { connections, services, maps }: NodeMaps,
  { dumps, path }: {
    readonly dumps: readonly TimedDump[];
    readonly path: NodeDatapath;
  },
): LiveConnections | null {
  const hasAffinities = maps.has("cilium_lb4_affinity") ||
    maps.has("cilium_lb6_affinity");
  if (connections.length === 0 && !hasAffinities) return null;
  const last = dumps.findLastIndex(({ dump }) => isOfState(dump));
  let frontends: ReadonlyMap<string, Backend> | null = null;
  const hasReverse = (family: 4 | 6) =>
    maps.has(`cilium_lb${family}_reverse_nat`);
  return new LiveConnections({
    maps: connections,
    affinities: () => keptAffinities({ maps, services }),
    loadedNs: dumps[last]!.timeNs,
    load: last,
    isLocalPod: (ip) => path.isLocalPod(path.holderOf(ip)),
    backendOf: (family, id) =>
      services === null ? undefined : backendById(services, family, id),
    frontendOf(family, id) {
      if (services === null) return undefined;
      if (hasReverse(family)) return frontendOfId(services, family, id);
      // A list of services has the ids of its frontends.
      frontends ??= new Map(
        ([4, 6] as const).flatMap((one) =>
          frontendsIn(services, one).map(({ id, address }) =>
            [`${one} ${id}`, address] as const
          )
        ),
      );
      return frontends.get(`${family} ${id}`);
    },
    forwardingAddress: (family) => path.forwardingAddress(family),
    loopback: LOOPBACK,
  });
}

/** Maps with as many entries as an agent gives room for when nothing else is configured, in words. */
function fullMaps(maps: ReadonlyMap<string, BpfMap>, node: string): string[] {
  return [...maps].flatMap(([name, { size, spec }]) => {
    const base = name.replace(/_\d{5}$/, "");
    const room = CILIUM_MAPS[base]?.maxEntries ?? Infinity;
    if (size < room || spec.type === "array") return [];
    const effect = spec.type.startsWith("lru")
      ? "the kernel throws out what is longest unused, and connections lose their entry"
      : "the agent can add nothing more";
    return [`${node}: ${name} has ${size} entries and is full: ${effect}`];
  });
}
