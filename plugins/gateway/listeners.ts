import { type KubeObject, partPosition } from "../../core/cluster/model.ts";
import { parseSelector } from "../../core/cluster/selector.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import {
  type JsonRecord,
  number,
  record,
  records,
  text,
} from "../../core/l7/json.ts";
import { compareAge } from "../../core/l7/ranked_route.ts";
import type { Rule } from "../../core/source.ts";
import type { GrantCheck } from "./reference_grant.ts";
import { ageOf, type Applied, namespaceOf } from "./state.ts";

/** One listener of a Gateway, its own or brought by a ListenerSet. */
export interface Listener {
  /** The object that routes name as their parent. */
  readonly owner: {
    readonly kind: "Gateway" | "ListenerSet";
    readonly namespace: string;
    readonly name: string;
  };
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  /** `*` without a host name. */
  readonly domain: string;
  readonly terminates: boolean;
  readonly admits: (route: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
  }) => boolean;
  readonly unmodelled: string | null;
  readonly rule: Rule;
}

/** What listeners are compiled against. */
export interface ListenerScope {
  readonly cluster: ClusterView;
  readonly grants: GrantCheck;
  readonly listenerSets: readonly Applied[];
}

const ROUTE_KINDS: Readonly<Record<string, readonly string[]>> = {
  HTTP: ["HTTPRoute", "GRPCRoute"],
  HTTPS: ["HTTPRoute", "GRPCRoute"],
  TLS: ["TLSRoute", "TCPRoute"],
  TCP: ["TCPRoute"],
  UDP: ["UDPRoute"],
};

/**
 * Listeners of a Gateway that carry traffic: its own, then those of its
 * ListenerSets from the oldest on. Among a Gateway's own, listeners that are
 * not distinct all fail; a ListenerSet's listener fails against one that
 * came before it (Gateway.Spec.Listeners, ListenerSet).
 */
export function compileListeners(
  gateway: KubeObject,
  scope: ListenerScope,
): readonly Listener[] {
  const own = readListeners(gateway, "Gateway", { gateway, scope });
  const accepted = own.filter((listener) =>
    own.every((other) => other === listener || distinct(listener, other))
  );
  const seen = [...own];
  for (const set of setsOf(gateway, scope)) {
    for (
      const listener of readListeners(set.object, "ListenerSet", {
        gateway,
        scope,
      })
    ) {
      if (seen.every((other) => distinct(listener, other))) {
        accepted.push(listener);
      }
      seen.push(listener);
    }
  }
  return accepted;
}

/** ListenerSets that a Gateway takes, oldest first; none unless it allows some. */
function setsOf(
  gateway: KubeObject,
  { listenerSets, cluster }: ListenerScope,
): readonly Applied[] {
  const allowed = record(record(gateway.spec).allowedListeners);
  const admits = namespacePolicy(record(allowed.namespaces), {
    otherwise: "None",
    own: namespaceOf(gateway),
    cluster,
  });
  return listenerSets
    .filter(({ object }) => {
      const parent = record(record(object.spec).parentRef);
      const namespace = text(parent.namespace) ?? namespaceOf(object);
      return parent.name === gateway.metadata.name &&
        namespace === namespaceOf(gateway) && admits(namespaceOf(object));
    })
    .sort((a, b) => compareAge(ageOf(a), ageOf(b)));
}

function readListeners(
  owner: KubeObject,
  kind: "Gateway" | "ListenerSet",
  { gateway, scope }: { gateway: KubeObject; scope: ListenerScope },
): readonly Listener[] {
  return records(record(owner.spec).listeners).flatMap((listener, index) => {
    const protocol = text(listener.protocol) ?? "";
    const port = number(listener.port);
    const kinds = ROUTE_KINDS[protocol];
    if (kinds === undefined || port === undefined) return [];
    const name = text(listener.name) ?? `${index}`;
    const namespace = namespaceOf(owner);
    const read: Listener = {
      owner: { kind, namespace, name: owner.metadata.name },
      name,
      port,
      protocol,
      domain: (text(listener.hostname) ?? "*").toLowerCase() || "*",
      terminates: protocol === "HTTPS" ||
        (protocol === "TLS" && record(listener.tls).mode === "Terminate"),
      admits: admission(listener, { kinds, namespace, scope }),
      unmodelled: protocol === "HTTPS"
        ? clientCertificates(gateway, port)
        : null,
      rule: {
        name: `${kind} ${namespace}/${owner.metadata.name} listener ${name}`,
        source: partPosition(owner, ["spec", "listeners", index]),
      },
    };
    return certificatesAllowed(listener, { kind, namespace, scope })
      ? [read]
      : [];
  });
}

/** Which routes a listener lets in: by default those of its own namespace, of the kinds its protocol carries. */
function admission(
  listener: JsonRecord,
  { kinds, namespace, scope }: {
    readonly kinds: readonly string[];
    readonly namespace: string;
    readonly scope: ListenerScope;
  },
): Listener["admits"] {
  const allowed = record(listener.allowedRoutes);
  const inNamespace = namespacePolicy(record(allowed.namespaces), {
    otherwise: "Same",
    own: namespace,
    cluster: scope.cluster,
  });
  const named = records(allowed.kinds);
  return (route) =>
    kinds.includes(route.kind) &&
    (named.length === 0 ||
      named.some((entry) =>
        entry.kind === route.kind &&
        (text(entry.group) ?? "gateway.networking.k8s.io") === route.group
      )) &&
    inNamespace(route.namespace);
}

function namespacePolicy(
  namespaces: JsonRecord,
  { otherwise, own, cluster }: {
    readonly otherwise: "Same" | "None";
    readonly own: string;
    readonly cluster: ClusterView;
  },
): (namespace: string) => boolean {
  switch (text(namespaces.from) ?? otherwise) {
    case "All":
      return () => true;
    case "Same":
      return (namespace) => namespace === own;
    case "Selector": {
      const { selector } = parseSelector(namespaces.selector);
      return (name) => {
        const namespace = cluster.namespaces.get(name);
        return namespace !== undefined && selector.matches(namespace.labels);
      };
    }
    default:
      return () => false;
  }
}

/** Certificates of another namespace need a ReferenceGrant there; a listener without certificate does not come up. */
function certificatesAllowed(
  listener: JsonRecord,
  { kind, namespace, scope }: {
    readonly kind: string;
    readonly namespace: string;
    readonly scope: ListenerScope;
  },
): boolean {
  return records(record(listener.tls).certificateRefs).every((reference) =>
    scope.grants({
      from: { group: "gateway.networking.k8s.io", kind, namespace },
      to: {
        group: text(reference.group) ?? "",
        kind: text(reference.kind) ?? "Secret",
        namespace: text(reference.namespace) ?? namespace,
        name: text(reference.name) ?? "",
      },
    })
  );
}

function clientCertificates(gateway: KubeObject, port: number): string | null {
  const frontend = record(record(record(gateway.spec).tls).frontend);
  const perPort = records(frontend.perPort).find((entry) =>
    entry.port === port
  );
  const tls = record(
    perPort === undefined ? record(frontend.default) : record(perPort.tls),
  );
  return tls.validation === undefined
    ? null
    : "validation of client certificates is not modelled";
}

/** Whether two listeners can be told apart by what a connection shows: port, protocol, host name. */
function distinct(a: Listener, b: Listener): boolean {
  if (a.port !== b.port) return true;
  const layers = [layerOf(a), layerOf(b)];
  if (layers[0] === "udp" !== (layers[1] === "udp")) return true;
  return layers[0] === layers[1] && layers[0] !== "udp" &&
    layers[0] !== "tcp" && a.domain !== b.domain;
}

function layerOf({ protocol }: Listener): "http" | "tls" | "tcp" | "udp" {
  switch (protocol) {
    case "HTTP":
      return "http";
    case "HTTPS":
    case "TLS":
      return "tls";
    case "UDP":
      return "udp";
    default:
      return "tcp";
  }
}
