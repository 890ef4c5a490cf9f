import { record, text } from "../../core/l7/json.ts";
import { NO_FILTERS, NO_PATIENCE } from "../../core/l7/route.ts";
import { type RouteTable, routeTable } from "../../core/l7/route_table.ts";
import { serviceRouteTable } from "../../core/l7/service_routes.ts";
import { splitAuthority } from "../../core/l7/request.ts";
import type { HttpRequest } from "../../core/packet/packet.ts";
import type { Rule } from "../../core/source.ts";
import { resolveBackend } from "../../plugins/gateway/backend_reference.ts";
import { PROFILES } from "../../plugins/gateway/options.ts";
import type {
  PortProgram,
  ServiceBackend,
} from "../../plugins/gateway/program.ts";
import { compileGrants } from "../../plugins/gateway/reference_grant.ts";
import { ageOf, namespaceOf, objectsOf } from "../../plugins/gateway/state.ts";
import { type Endings, endingsOf, http } from "./_gateway_case.ts";
import type { GatewayCluster } from "./_gateway_cluster.ts";

type Case = Readonly<Record<string, unknown>>;

const RULE: Rule = { name: "mesh" };

/** What a mesh that reads routes with a Service as parent does with the request of a case. */
export function meshEndings(one: Case, cluster: GatewayCluster): Endings {
  const request = record(one.request);
  const client = text(record(one.client).namespace) ?? "default";
  const host = text(request.host) ?? "";
  const pod = podBehind(host, { client, cluster });
  if (pod !== undefined) return passThrough(pod, request);
  const { host: name, port } = splitAuthority(host);
  const [service = "", namespace = client] = name.split(".");
  const to: ServiceBackend = {
    namespace,
    name: service,
    port: port ?? 80,
    viaService: false,
    tls: false,
  };
  const table = tableFor(to, { client, cluster });
  return table === undefined
    ? passThrough(to, request)
    : endingsOf(programOf(table, to.port), http(httpRequest(request)));
}

function tableFor(
  to: ServiceBackend,
  { client, cluster: { cluster, state } }: {
    readonly client: string;
    readonly cluster: GatewayCluster;
  },
): RouteTable<ServiceBackend> | undefined {
  const profile = PROFILES.generic;
  const grants = compileGrants(state);
  const routes = ["HTTPRoute", "GRPCRoute"]
    .flatMap((kind) => objectsOf(state, kind))
    .map((applied) => ({ object: applied.object, age: ageOf(applied) }));
  return serviceRouteTable<ServiceBackend>(routes, {
    service: to,
    port: to.port,
    client,
    order: profile.order,
    regexPaths: profile.regex,
    resolve: (reference, route) =>
      resolveBackend(reference, {
        scope: {
          cluster,
          // A route may send to its parent, wherever that is.
          grants: (asked) =>
            (asked.to.name === to.name &&
              asked.to.namespace === to.namespace) || grants(asked),
          unmodelled: () => null,
        },
        from: { kind: route.kind, namespace: namespaceOf(route) },
      }),
  });
}

/** Without routes, and to the address of a pod, a request goes where it was sent. */
function passThrough(backend: ServiceBackend, request: Case): Endings {
  const target = { kind: "backend", backend } as const;
  const table = routeTable<ServiceBackend>("mesh", [{
    name: "*",
    domains: ["*"],
    routes: [{
      name: "none",
      matches: [],
      rule: RULE,
      action: {
        kind: "forward",
        targets: [{ weight: 1, target, filters: NO_FILTERS, rule: RULE }],
        emptyStatus: 503,
        filters: NO_FILTERS,
        mirrors: [],
        patience: NO_PATIENCE,
      },
    }],
  }]);
  const program = programOf(table, backend.port);
  return endingsOf(program, http(httpRequest(request)));
}

function programOf(
  table: RouteTable<ServiceBackend>,
  port: number,
): PortProgram {
  return {
    owner: "mesh",
    port,
    protocol: "tcp",
    plain: [{ kind: "http", name: "mesh", domain: "*", table, rule: RULE }],
    secure: [],
    stream: null,
    unmodelled: null,
    rule: RULE,
    profile: PROFILES.generic,
  };
}

/** The pod that `${podIP:label=value,…}` stands for. */
function podBehind(
  host: string,
  { client, cluster: { cluster } }: {
    readonly client: string;
    readonly cluster: GatewayCluster;
  },
): ServiceBackend | undefined {
  const [, labels] = /^\$\{podIP:([^}]*)\}/.exec(host) ?? [];
  if (labels === undefined) return undefined;
  const wanted = labels.split(",").map((pair) => pair.split("="));
  const pod = [...cluster.pods.values()].find((one) =>
    one.namespace === client &&
    wanted.every(([key = "", value]) => one.labels[key] === value)
  );
  return pod === undefined ? undefined : {
    namespace: pod.namespace,
    name: pod.name,
    port: 80,
    viaService: false,
    tls: false,
  };
}

function httpRequest(request: Case): HttpRequest {
  return {
    method: text(request.method) ?? "GET",
    scheme: "http",
    authority: text(request.host) ?? "",
    path: text(request.path) || "/",
    headers: Object.entries(record(request.headers))
      .map(([name, value]) => [name, String(value)] as const),
  };
}
