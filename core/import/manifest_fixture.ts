import { Cluster } from "../cluster/cluster.ts";
import { InputError } from "../errors.ts";
import { assert } from "@std/assert";
import { importManifests, type ManifestFile } from "./manifests.ts";

/** Texts as files `1.yaml`, `2.yaml`, ..., for tests. */
export function asFiles(texts: readonly string[]): ManifestFile[] {
  return texts.map((text, index) => ({ file: `${index + 1}.yaml`, text }));
}

/** The cluster that manifests make, for tests. */
export function clusterOf(...texts: string[]): Cluster {
  const cluster = new Cluster();
  for (const event of importManifests(asFiles(texts)).events) {
    cluster.apply(event);
  }
  return cluster;
}

/** Messages of the problems that manifests have, for tests. */
export function problemsOf(...texts: string[]): InputError["problems"] {
  try {
    importManifests(asFiles(texts));
  } catch (error) {
    assert(error instanceof InputError, `${error}`);
    return error.problems;
  }
  return [];
}

/** Endpoints of a Service's port as `address:port`, with what is not usual about them, for tests. */
export function endpointTexts(
  cluster: Cluster,
  service: string,
  { port = 0, family = 4 }: { port?: number; family?: 4 | 6 } = {},
): string[] {
  const found = cluster.services.get(service);
  assert(found !== undefined, `no Service ${service}`);
  return cluster.endpointsOf(found, found.ports[port]!, family).map((one) => {
    const marks = [
      ...(one.ready ? [] : ["not ready"]),
      ...(one.terminating ? ["terminating"] : []),
    ];
    return [`${one.ip.text}:${one.port}`, ...marks].join(" ");
  });
}
