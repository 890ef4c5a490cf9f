import type { Endpoint, EndpointSlice, ObjectMeta } from "../cluster/model.ts";
import type { Field } from "./_field.ts";
import { type ManifestObject, readMeta } from "./_manifest_object.ts";
import { PROTOCOLS } from "./_manifest_pod.ts";

/** Reads an EndpointSlice; null when it serves no Service that can be reached. */
export function readEndpointSlice(
  object: ManifestObject,
): EndpointSlice | null {
  const { root } = object;
  root.expectKeys(SLICE_KEYS);
  const meta = readMeta(object);
  const service = meta.labels["kubernetes.io/service-name"];
  const type = root.get("addressType").choice(["IPv4", "IPv6", "FQDN"]);
  if (!root.get("addressType").present) {
    root.fail("it has no addressType", { expected: "IPv4 or IPv6" });
  }
  if (type === null) return null;
  if (service === undefined || service === "" || type === "FQDN") {
    root.warn(
      type === "FQDN"
        ? "nothing sends traffic to an addressType of FQDN"
        : "it belongs to no Service",
      { expected: "the label kubernetes.io/service-name" },
    );
    return null;
  }
  const family = type === "IPv4" ? 4 : 6;
  const namespace = object.namespace ?? "default";
  return {
    ...meta,
    namespace,
    service,
    family,
    ports: root.get("ports").items().map(readPort),
    endpoints: root.get("endpoints").items().flatMap((field) =>
      readEndpoint(field, { family, namespace })
    ),
  };
}

/** Reads an Endpoints object: a slice for each subset and family. */
export function readEndpoints(object: ManifestObject): EndpointSlice[] {
  const meta = readMeta(object);
  const { root, name } = object;
  return root.get("subsets").items().flatMap((subset, index) =>
    readSubset(subset, { meta, namespace: object.namespace ?? "default" })
      .map((slice) => ({
        ...slice,
        name: `${name}.${index}.ipv${slice.family}`,
      }))
  );
}

type SlicePort = EndpointSlice["ports"][number];

function readPort(field: Field): SlicePort {
  field.expectKeys(["name", "port", "protocol", "appProtocol"]);
  return {
    name: field.get("name").text() || null,
    port: field.get("port").port(),
    protocol: field.get("protocol").choice(PROTOCOLS) ?? "TCP",
  };
}

/** Several addresses in one endpoint are "fungible": each becomes an endpoint with the same conditions. */
function readEndpoint(
  field: Field,
  { family, namespace }: { family: 4 | 6; namespace: string },
): Endpoint[] {
  field.expectKeys(ENDPOINT_KEYS);
  const conditions = field.get("conditions");
  // The older v1beta1 kept node and zone in a map of topology labels.
  const topology = field.get("topology");
  const rest = {
    // Null means true, null and false for the three (discovery/v1 types.go).
    ready: conditions.get("ready").flag() ?? true,
    serving: conditions.get("serving").flag() ?? true,
    terminating: conditions.get("terminating").flag() ?? false,
    node: field.get("nodeName").text() ??
      topology.get("kubernetes.io/hostname").text(),
    zone: field.get("zone").text() ??
      topology.get("topology.kubernetes.io/zone").text(),
    hostname: field.get("hostname").text() || null,
    pod: readTarget(field, namespace),
    zoneHints: field.get("hints").get("forZones").items()
      .map((zone) => zone.get("name").text())
      .filter((name) => name !== null),
  };
  const addresses = field.get("addresses").items();
  if (addresses.length > 1) {
    field.warn(`${field.path} has several addresses`, {
      expected: "one address: kube-proxy uses the first alone",
    });
  }
  return addresses.flatMap((address) => {
    const ip = address.ip();
    if (ip === null) return [];
    if (ip.family === family) return [{ ip, ...rest }];
    address.fail(`${address.path} is ${ip.text} in a slice of IPv${family}`, {
      expected: `an IPv${family} address`,
    });
    return [];
  });
}

function readTarget(field: Field, namespace: string): string | null {
  const target = field.get("targetRef");
  if (target.get("kind").value !== "Pod") return null;
  const name = target.get("name").text();
  return name === null
    ? null
    : `${target.get("namespace").text() ?? namespace}/${name}`;
}

function readSubset(
  subset: Field,
  { meta, namespace }: { meta: ObjectMeta; namespace: string },
): EndpointSlice[] {
  const ports = subset.get("ports").items().map(readPort);
  const endpoints = [
    ...subset.get("addresses").items().map((one) =>
      readAddress(one, { ready: true, namespace })
    ),
    ...subset.get("notReadyAddresses").items()
      .map((one) => readAddress(one, { ready: false, namespace })),
  ].filter((endpoint) => endpoint !== null);
  const families = [4, 6] as const;
  return families
    .map((family) => ({
      ...meta,
      namespace,
      service: meta.name,
      family,
      ports,
      endpoints: endpoints.filter(({ ip }) => ip.family === family),
    }))
    .filter((slice) => slice.endpoints.length > 0);
}

function readAddress(
  field: Field,
  { ready, namespace }: { ready: boolean; namespace: string },
): Endpoint | null {
  field.expectKeys(["ip", "hostname", "nodeName", "targetRef"]);
  const ip = field.get("ip").ip();
  return ip === null ? null : {
    ip,
    ready,
    serving: ready,
    terminating: false,
    node: field.get("nodeName").text(),
    zone: null,
    hostname: field.get("hostname").text() || null,
    pod: readTarget(field, namespace),
    zoneHints: [],
  };
}

const SLICE_KEYS = [
  "addressType",
  "apiVersion",
  "endpoints",
  "kind",
  "metadata",
  "ports",
];

const ENDPOINT_KEYS = [
  "addresses",
  "conditions",
  "deprecatedTopology",
  "hints",
  "hostname",
  "nodeName",
  "targetRef",
  "topology",
  "zone",
];
