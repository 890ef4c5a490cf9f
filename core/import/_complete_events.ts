import type { Cluster } from "../cluster/cluster.ts";
import {
  type KubeObject,
  type Namespace,
  type Node,
  objectKey,
  type Pod,
} from "../cluster/model.ts";
import { type NewEvent, newEvent } from "../event.ts";
import type { Ip } from "../packet/ip.ts";
import type { SourcePosition } from "../source.ts";
import { AddressPool } from "./_address_pool.ts";
import { completeNodes, NodeTable } from "./_complete_nodes.ts";
import { completePods } from "./_complete_pods.ts";
import { completeServices } from "./_complete_services.ts";
import type { Field } from "./_field.ts";
import { type Drafts, withNameLabel } from "./_manifest_drafts.ts";
import { groupOf } from "./_manifest_object.ts";

/** What events are made on top of. */
export interface Ground {
  readonly cluster: Cluster | null;
  /** Where objects are said to come from that nothing mentions. */
  readonly start: SourcePosition;
}

/**
 * Completes what was read to a whole cluster and tells it as events, each kind
 * in order of its keys: the order of the documents plays no part.
 */
export function completeEvents(drafts: Drafts, ground: Ground): NewEvent[] {
  const { cluster } = ground;
  const pool = new AddressPool();
  const families = clusterFamilies(drafts, cluster);
  const givenIps = takeGiven(pool, { drafts, cluster });
  const nodes = new NodeTable({ families, pool, taken: givenIps });
  completeNodes(nodes, {
    given: drafts.nodes,
    mentioned: mentionedNodes(drafts),
    pods: drafts.pods,
    ...ground,
  });
  const { pods, replaced } = completePods(nodes, { ...drafts, cluster });
  checkPodIps(pods, drafts);
  const services = completeServices({ ...drafts, cluster, families, pool });
  return [
    ...completeNamespaces(drafts, cluster)
      .map((namespace) => newEvent("namespace.applied", { namespace })),
    ...changedNodes(nodes, { drafts, cluster })
      .map((node) => newEvent("node.applied", { node })),
    ...replaced.map(({ namespace, name }) =>
      newEvent("pod.deleted", { namespace, name })
    ),
    ...pods.map((pod) => newEvent("pod.applied", { pod })),
    ...services.map((service) => newEvent("service.applied", { service })),
    ...endpointEvents(drafts, cluster),
    ...drafts.policies.toSorted(byIdentity)
      .map((object) => newEvent("policy.applied", { object })),
  ];
}

/**
 * The address families of the pod network, the primary first: those of the
 * nodes' ranges or addresses, else of the pods, else what the Services need.
 */
function clusterFamilies(
  { nodes, pods, services }: Drafts,
  cluster: Cluster | null,
): readonly (4 | 6)[] {
  const allNodes = [...cluster?.nodes.values() ?? [], ...nodes];
  const sortedPods = pods.toSorted((a, b) =>
    objectKey(a) < objectKey(b) ? -1 : 1
  );
  const evidence = [
    allNodes.flatMap(({ podCidrs }) => podCidrs.map(({ base }) => base)),
    sortedPods.flatMap(({ ips }) => ips),
    allNodes.flatMap(({ internalIps }) => internalIps),
  ].find((ips) => ips.length > 0);
  if (evidence !== undefined) return familiesIn(evidence);
  const sorted = services.toSorted((a, b) =>
    objectKey(a) < objectKey(b) ? -1 : 1
  );
  const wanted = sorted.flatMap(({ clusterIps, families, familyPolicy }) => [
    ...clusterIps.map((ip) => ip.family),
    ...families,
    ...(familyPolicy === "RequireDualStack" ? [4, 6] as const : []),
  ]);
  return wanted.length > 0 ? [...new Set(wanted)] : [4];
}

function familiesIn(ips: readonly Ip[]): (4 | 6)[] {
  return [...new Set(ips.map((ip) => ip.family))];
}

/** Marks every address that somebody has; gives those of pods that are known to be on some node. */
function takeGiven(
  pool: AddressPool,
  { drafts, cluster }: { drafts: Drafts; cluster: Cluster | null },
): Ip[] {
  const pods = [...drafts.pods, ...cluster?.pods.values() ?? []];
  const nodes = [...drafts.nodes, ...cluster?.nodes.values() ?? []];
  const services = [...drafts.services, ...cluster?.services.values() ?? []];
  const podIps = pods.flatMap(({ ips }) => ips);
  const endpointIps = drafts.slices.flatMap(({ slice }) =>
    slice.endpoints.map(({ ip }) => ip)
  );
  const others = [
    ...drafts.pods.flatMap(({ hostIps }) => hostIps),
    ...nodes.flatMap((node) => [...node.internalIps, ...node.externalIps]),
    ...services.flatMap((service) => [
      ...service.clusterIps,
      ...service.externalIps,
      ...service.loadBalancerIps.map(({ ip }) => ip),
    ]),
  ];
  for (const ip of [...podIps, ...endpointIps, ...others]) pool.take(ip);
  return [
    ...drafts.pods.filter(({ spec }) => spec.nodeName !== null),
    ...drafts.slices.flatMap(({ slice }) => slice.endpoints)
      .filter(({ node }) => node !== null)
      .map(({ ip }) => ({ ips: [ip] })),
  ].flatMap(({ ips }) => ips);
}

/** Nodes that pods, templates and endpoints name. */
function mentionedNodes(
  { pods, workloads, slices }: Drafts,
): Map<string, Field> {
  const mentioned = new Map<string, Field>();
  const mention = (name: string | null, field: Field) => {
    if (name && !mentioned.has(name)) mentioned.set(name, field);
  };
  for (const { spec, field } of pods) mention(spec.nodeName, field);
  for (const { template, field } of workloads) {
    mention(template.spec.nodeName, field);
  }
  for (const { slice, field } of slices) {
    for (const { node } of slice.endpoints) mention(node, field);
  }
  return mentioned;
}

/** Namespaces given, and those that objects are in though nobody gave them. */
function completeNamespaces(
  { namespaces, mentioned }: Drafts,
  cluster: Cluster | null,
): Namespace[] {
  const all = new Map(namespaces.map((one) => [one.name, one]));
  for (const [name, field] of mentioned) {
    if (all.has(name) || cluster?.namespaces.has(name)) continue;
    const bare = { name, labels: {}, annotations: {}, source: field.at };
    all.set(name, withNameLabel(bare));
  }
  return [...all.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Nodes that were given, made up, or gained a pod range. */
function changedNodes(
  nodes: NodeTable,
  { drafts, cluster }: { drafts: Drafts; cluster: Cluster | null },
): readonly Node[] {
  const given = new Set(drafts.nodes.map(({ name }) => name));
  return nodes.all.filter((node) =>
    given.has(node.name) || cluster?.nodes.get(node.name) !== node
  );
}

/** An Endpoints object applied again may have fewer subsets than it had. */
function endpointEvents(
  { slices }: Drafts,
  cluster: Cluster | null,
): NewEvent[] {
  const kept = new Set(slices.map(({ slice }) => objectKey(slice)));
  const renewed = new Set(
    slices.filter(({ legacy }) => legacy)
      .map(({ slice }) => `${slice.namespace}/${slice.service}`),
  );
  const gone = [...cluster?.slices.values() ?? []].filter((slice) =>
    renewed.has(`${slice.namespace}/${slice.service}`) &&
    !kept.has(objectKey(slice))
  );
  return [
    ...gone.map(({ namespace, name }) =>
      newEvent("endpoints.deleted", { namespace, name })
    ),
    ...slices.map(({ slice }) => slice)
      .sort((a, b) => objectKey(a) < objectKey(b) ? -1 : 1)
      .map((slice) => newEvent("endpoints.applied", { slice })),
  ];
}

/** Two pods cannot have one address at a time; who would get its packets is open. */
function checkPodIps(pods: readonly Pod[], { pods: drafts }: Drafts): void {
  const fields = new Map(drafts.map((one) => [objectKey(one), one.field]));
  const owners = new Map<string, string>();
  for (const pod of pods) {
    if (!pod.running || pod.hostNetwork) continue;
    for (const { text } of pod.ips) {
      const other = owners.get(text);
      if (other !== undefined) {
        fields.get(objectKey(pod))?.get("status").get("podIP").fail(
          `the address ${text} is that of the pod ${other}`,
          { expected: "an address of its own while it runs" },
        );
      }
      owners.set(text, objectKey(pod));
    }
  }
}

function byIdentity(a: KubeObject, b: KubeObject): number {
  return identity(a) < identity(b) ? -1 : 1;
}

function identity({ apiVersion, kind, metadata }: KubeObject): string {
  const { namespace = "", name } = metadata;
  return [kind, groupOf(apiVersion), namespace, name].join("\n");
}
