import type { RouteTable } from "../../core/l7/route_table.ts";
import type { WeightedTarget } from "../../core/l7/route.ts";
import type { Rule } from "../../core/source.ts";
import type { Profile } from "./options.ts";

/** One port of a Service that requests are sent to. */
export interface ServiceBackend {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  /** The Service's own address is used, whatever the profile says. */
  readonly viaService: boolean;
  /** The proxy speaks TLS to it. */
  readonly tls: boolean;
}

/** A listener that reads HTTP, inside TLS or not. */
export interface HttpListener {
  readonly kind: "http";
  readonly name: string;
  /** `*` when it has no host name. */
  readonly domain: string;
  readonly table: RouteTable<ServiceBackend>;
  readonly rule: Rule;
}

/** A listener that routes TLS connections by their server name. */
export interface TlsListener {
  readonly kind: "tls";
  readonly name: string;
  readonly domain: string;
  /** Whether it takes the TLS off before it sends the bytes on. */
  readonly terminates: boolean;
  /** The most specific server name first. */
  readonly routes: readonly ServerNameRoute[];
  readonly rule: Rule;
}

/** Where connections of one server name go. */
export interface ServerNameRoute {
  readonly name: string;
  readonly domain: string;
  readonly targets: readonly WeightedTarget<ServiceBackend>[];
  readonly rule: Rule;
}

/** Where every connection of a port goes. */
export interface StreamRoute {
  readonly name: string;
  readonly targets: readonly WeightedTarget<ServiceBackend>[];
  readonly rule: Rule;
}

/** What a proxy does on one of its ports. */
export interface PortProgram {
  /** `Gateway infra/web`, or `Ingresses of nginx`. */
  readonly owner: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  /** Listeners that read HTTP as it comes. */
  readonly plain: readonly HttpListener[];
  /** Listeners behind TLS. */
  readonly secure: readonly (HttpListener | TlsListener)[];
  /** Null: a listener without a route closes every connection. */
  readonly stream: StreamRoute | null;
  /** Why nothing on this port can be said, null when all can. */
  readonly unmodelled: string | null;
  /** The listener that stands for the port. */
  readonly rule: Rule;
  readonly profile: Profile;
}
