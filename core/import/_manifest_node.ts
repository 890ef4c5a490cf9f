import type { Node } from "../cluster/model.ts";
import type { Cidr, Ip } from "../packet/ip.ts";
import type { Field } from "./_field.ts";
import { type ManifestObject, readMeta } from "./_manifest_object.ts";

const ZONE_LABELS = [
  "topology.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/zone",
];

/** Reads a Node; what it leaves open stays empty. */
export function readNode(object: ManifestObject): Node {
  const meta = readMeta(object);
  const { root } = object;
  const addresses = root.get("status").get("addresses").items();
  return {
    ...meta,
    internalIps: addressesOfType(addresses, "InternalIP"),
    externalIps: addressesOfType(addresses, "ExternalIP"),
    podCidrs: readPodCidrs(root.get("spec")),
    zone: zoneOf(meta.labels),
  };
}

/** The zone that a node's labels name. */
export function zoneOf(labels: Readonly<Record<string, string>>) {
  return ZONE_LABELS.map((key) => labels[key]).find(Boolean) ?? null;
}

function addressesOfType(addresses: readonly Field[], type: string): Ip[] {
  return addresses
    .filter((address) => address.get("type").value === type)
    .map((address) => address.get("address").ip())
    .filter((ip) => ip !== null);
}

function readPodCidrs(spec: Field): Cidr[] {
  const list = spec.get("podCIDRs").items();
  const fields = list.length > 0 ? list : [spec.get("podCIDR")];
  return fields.map((field) => field.cidr()).filter((cidr) => cidr !== null);
}
