import type { Cluster } from "../cluster/cluster.ts";
import { objectKey, type Service } from "../cluster/model.ts";
import { Cidr, type Ip } from "../packet/ip.ts";
import type { AddressPool } from "./_address_pool.ts";
import type { ServiceDraft, ServicePortDraft } from "./_manifest_service.ts";

/** What Services are completed from. */
export interface ServiceEvidence {
  readonly services: readonly ServiceDraft[];
  readonly cluster: Cluster | null;
  readonly families: readonly (4 | 6)[];
  readonly pool: AddressPool;
}

const RANGES = {
  4: Cidr.of("10.96.0.0/12"),
  6: Cidr.of("fd00:10:96::/112"),
};
/** The first addresses are those of the API server and of cluster DNS, by convention. */
const RESERVED: Readonly<Record<string, number>> = {
  "default/kubernetes": 1,
  "kube-system/kube-dns": 10,
};
const FIRST_FREE = 11;
const NODE_PORTS = { first: 30_000, last: 32_767 };

/** Gives Services what the API server would: cluster addresses, node ports, families. */
export function completeServices(evidence: ServiceEvidence): Service[] {
  const { services, cluster } = evidence;
  checkClusterIps(services);
  const sorted = [...services].sort((a, b) =>
    objectKey(a) < objectKey(b) ? -1 : 1
  );
  const nodePorts = new NodePorts(sorted, cluster);
  return sorted.map((draft) => {
    const {
      wantsNodePorts: _,
      familyPolicy: __,
      field: ___,
      families: ____,
      ...service
    } = draft;
    const before = cluster?.services.get(objectKey(draft));
    const families = settleFamilies(draft, evidence);
    const clusterIps = allotClusterIps(draft, { families, before, evidence });
    const wantsCheck = draft.type === "LoadBalancer" &&
      draft.externalTrafficPolicy === "Local";
    return {
      ...service,
      clusterIps,
      ports: draft.ports.map((port) =>
        withNodePort(port, { draft, before, nodePorts })
      ),
      healthCheckNodePort: wantsCheck
        ? draft.healthCheckNodePort ?? before?.healthCheckNodePort ??
          nodePorts.allot(draft)
        : null,
      ...(draft.type === "ExternalName" ? {} : { families }),
    };
  });
}

/** `ipFamilies` and `ipFamilyPolicy` as the API server defaults them (registry/core/service/storage/alloc.go). */
function settleFamilies(
  draft: ServiceDraft,
  { families: all, cluster }: ServiceEvidence,
): readonly (4 | 6)[] {
  if (draft.clusterIps.length > 0 && draft.families.length === 0) {
    return draft.clusterIps.map((ip) => ip.family);
  }
  const before = cluster?.services.get(objectKey(draft))?.families;
  if (draft.families.length === 0 && before !== undefined) return before;
  const primary = draft.families[0] ?? all[0] ?? 4;
  const others = ([4, 6] as const).filter((family) => family !== primary);
  const selectorless = draft.headless && draft.selector === null &&
    draft.familyPolicy === null;
  const dual = draft.families.length > 1 ||
    draft.familyPolicy === "RequireDualStack" || selectorless ||
    (draft.familyPolicy === "PreferDualStack" && all.length > 1);
  return dual ? [primary, ...others] : [primary];
}

function allotClusterIps(
  draft: ServiceDraft,
  { families, before, evidence }: {
    families: readonly (4 | 6)[];
    before: Service | undefined;
    evidence: ServiceEvidence;
  },
): readonly Ip[] {
  if (draft.headless || draft.type === "ExternalName") return [];
  return families.map((family) => {
    const has = (ip: Ip) => ip.family === family;
    const known = draft.clusterIps.find(has) ?? before?.clusterIps.find(has);
    if (known !== undefined) return known;
    const reserved = RESERVED[objectKey(draft)];
    const wanted = reserved && RANGES[family].base.plus(reserved);
    if (wanted && !evidence.pool.has(wanted)) {
      evidence.pool.take(wanted);
      return wanted;
    }
    return evidence.pool.allot(RANGES[family], { from: FIRST_FREE });
  }).filter((ip) => ip !== undefined);
}

function withNodePort(
  port: ServicePortDraft,
  { draft, before, nodePorts }: {
    draft: ServiceDraft;
    before: Service | undefined;
    nodePorts: NodePorts;
  },
): Service["ports"][number] {
  const { field: _, ...rest } = port;
  if (!draft.wantsNodePorts || port.nodePort !== null) return rest;
  const known = before?.ports.find((other) =>
    other.name === port.name && other.protocol === port.protocol &&
    other.port === port.port
  )?.nodePort;
  return { ...rest, nodePort: known ?? nodePorts.allot(draft) };
}

/** Node ports that are taken, and the next that is not. */
class NodePorts {
  readonly #used = new Map<string, string>();
  #next = NODE_PORTS.first;

  constructor(services: readonly ServiceDraft[], cluster: Cluster | null) {
    const applied = new Set(services.map(objectKey));
    for (const service of cluster?.services.values() ?? []) {
      const key = objectKey(service);
      for (const { nodePort, protocol } of service.ports) {
        if (nodePort === null) continue;
        // A Service applied again still holds its own.
        if (!applied.has(key)) this.#used.set(`${protocol} ${nodePort}`, key);
        else this.#held.add(nodePort);
      }
    }
    for (const service of services) this.#take(service);
  }

  readonly #held = new Set<number>();

  /** The lowest port that no protocol uses. */
  allot(service: ServiceDraft): number | null {
    while (this.#next <= NODE_PORTS.last) {
      const port = this.#next++;
      if (!this.#isUsed(port)) return port;
    }
    service.field.fail("no node port is free", {
      expected: `a port from ${NODE_PORTS.first} to ${NODE_PORTS.last}`,
    });
    return null;
  }

  #isUsed(port: number): boolean {
    return this.#held.has(port) ||
      ["TCP", "UDP", "SCTP"].some((protocol) =>
        this.#used.has(`${protocol} ${port}`)
      );
  }

  #take(service: ServiceDraft): void {
    const check = service.healthCheckNodePort;
    if (check !== null) this.#used.set(`TCP ${check}`, objectKey(service));
    for (const { nodePort, protocol, field } of service.ports) {
      if (nodePort === null) continue;
      const key = `${protocol} ${nodePort}`;
      const other = this.#used.get(key);
      if (other !== undefined) {
        field.get("nodePort").fail(
          `the node port ${nodePort} is taken by ${other}`,
          { expected: "a node port of its own" },
        );
      }
      this.#used.set(key, objectKey(service));
    }
  }
}

function checkClusterIps(services: readonly ServiceDraft[]): void {
  const owners = new Map<string, string>();
  for (const { clusterIps, field, ...service } of services) {
    for (const { text } of clusterIps) {
      const other = owners.get(text);
      if (other !== undefined) {
        field.get("spec").get("clusterIP").fail(
          `the cluster address ${text} is taken by ${other}`,
          { expected: "an address of its own" },
        );
      }
      owners.set(text, objectKey(service));
    }
  }
}
