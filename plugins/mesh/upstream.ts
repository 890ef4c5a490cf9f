import { record } from "../../core/l7/json.ts";
import { readNumber, readText } from "./_read.ts";
import type { ServiceRegistry } from "./service_registry.ts";

/** Where a route sends: Envoy's cluster `outbound|PORT|SUBSET|HOST`. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
  readonly subset: string | null;
}

/** A destination of a VirtualService. Without a port it is the Service's only one, else the one the client asked for. */
export function readDestination(
  value: unknown,
  { namespace, port, registry }: {
    readonly namespace: string;
    readonly port: number;
    readonly registry: ServiceRegistry;
  },
): Upstream {
  const destination = record(value);
  const host = registry.fullName(readText(destination.host) ?? "", namespace);
  const written = readNumber(record(destination.port).number);
  const ports = registry.serviceOf(host)?.ports ?? [];
  return {
    host,
    port: written ?? (ports.length === 1 ? ports[0]!.port : port),
    subset: readText(destination.subset),
  };
}

/** Envoy's name of a cluster. */
export function clusterName({ host, port, subset }: Upstream): string {
  return `outbound|${port}|${subset ?? ""}|${host}`;
}

/** The server name that sidecars send for a cluster. */
export function clusterServerName({ host, port, subset }: Upstream): string {
  return `outbound_.${port}_.${subset ?? ""}_.${host}`;
}
