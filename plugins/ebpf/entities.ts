import type { Party } from "../../core/policy/party.ts";
import { type Endpoints, isLocal } from "./selector.ts";
import type { Cidr } from "../../core/packet/ip.ts";

/** Names of entities (pkg/policy/api/entity.go). */
export const ENTITIES = [
  "all",
  "world",
  "world-ipv4",
  "world-ipv6",
  "cluster",
  "host",
  "init",
  "ingress",
  "unmanaged",
  "remote-node",
  "health",
  "none",
  "kube-apiserver",
] as const;

export type Entity = typeof ENTITIES[number];

/** Reserved labels of a party that is no pod; `apiServers` are the addresses behind `default/kubernetes`. */
export function reservedLabels(
  party: Party,
  apiServers: readonly Cidr[],
): readonly string[] {
  if (party.kind === "pod") return [];
  if (party.role !== null) return [party.role];
  const serves = party.kind === "node"
    ? nodeAddresses(party).some((ip) =>
      apiServers.some((server) => server.contains(ip))
    )
    : party.prefix !== null &&
      apiServers.some((server) => server.text === party.prefix!.text);
  const own = party.kind === "outside"
    ? "world"
    : party.local
    ? "host"
    : "remote-node";
  return serves ? [own, "kube-apiserver"] : [own];
}

/** Whether an entity has a party. */
export function entityHas(
  entity: Entity,
  party: Party,
  { reservedOf, clusterName }: Endpoints,
): boolean {
  switch (entity) {
    case "all":
      return true;
    case "world":
      return party.kind === "outside";
    case "world-ipv4":
    case "world-ipv6":
      return party.kind === "outside" &&
        party.prefix?.base.family === (entity === "world-ipv4" ? 4 : 6);
    case "cluster":
      // Other clusters of a mesh are no part of it.
      return party.kind !== "outside" &&
        isLocal(party, { clusterName });
    case "host":
    case "remote-node":
    case "kube-apiserver":
      return reservedOf(party).includes(entity);
    case "init":
    case "ingress":
    case "unmanaged":
    case "health":
      return party.role === entity;
    case "none":
      return false;
  }
}

function nodeAddresses({ node }: Party) {
  return node === null ? [] : [...node.internalIps, ...node.externalIps];
}
