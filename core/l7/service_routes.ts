import type { KubeObject } from "../cluster/model.ts";
import { compileGrpcRoute, GRPC_ORDER } from "./grpc_route.ts";
import { type BackendReference, compileHttpRoute } from "./http_route.ts";
import type { RegexPaths } from "./http_route_match.ts";
import { number, record, records, text } from "./json.ts";
import { type ObjectAge, orderRoutes } from "./ranked_route.ts";
import type { Target } from "./route.ts";
import { type RouteTable, routeTable } from "./route_table.ts";
import type { SpecificityOrder } from "./specificity.ts";

/** An HTTPRoute or GRPCRoute with its age. */
export interface AgedRoute {
  readonly object: KubeObject;
  readonly age: ObjectAge;
}

/** Whose requests, to which port of which Service. */
export interface ServiceRouteScope<Backend> {
  readonly service: { readonly namespace: string; readonly name: string };
  readonly port: number;
  /** Namespace of the client. */
  readonly client: string;
  readonly order: SpecificityOrder;
  readonly regexPaths: RegexPaths;
  resolve(reference: BackendReference, route: KubeObject): Target<Backend>;
}

/**
 * The table that routes with a Service as parent make for one client
 * (GEP-1324, GAMMA): routes of the client's own namespace, where that is not
 * the Service's, replace those of the Service's namespace. Host names of the
 * routes do not count. Undefined: no route, the request goes to the Service.
 */
export function serviceRouteTable<Backend>(
  routes: readonly AgedRoute[],
  scope: ServiceRouteScope<Backend>,
): RouteTable<Backend> | undefined {
  const { service, client } = scope;
  const bound = routes.filter(({ object }) => bindsTo(object, scope));
  const of = (namespace: string) =>
    bound.filter(({ object }) => namespaceOf(object) === namespace);
  const consumer = client === service.namespace ? [] : of(client);
  const chosen = consumer.length > 0 ? consumer : of(service.namespace);
  if (chosen.length === 0) return undefined;
  const compiled = (kind: string) =>
    chosen.filter(({ object }) => object.kind === kind)
      .flatMap(({ object, age }) => {
        const compile = kind === "GRPCRoute"
          ? compileGrpcRoute<Backend>
          : compileHttpRoute<Backend>;
        return compile(object, {
          age,
          regexPaths: scope.regexPaths,
          resolve: (reference) => scope.resolve(reference, object),
        });
      });
  const ordered = [
    ...orderRoutes(compiled("GRPCRoute"), GRPC_ORDER),
    ...orderRoutes(compiled("HTTPRoute"), scope.order),
  ];
  const name = `Service ${service.namespace}/${service.name}`;
  return routeTable(name, [{
    name,
    domains: ["*"],
    routes: ordered.map(({ route }) => route),
  }]);
}

function bindsTo<Backend>(
  route: KubeObject,
  { service, port }: ServiceRouteScope<Backend>,
): boolean {
  return records(record(route.spec).parentRefs).some((parent) =>
    parent.kind === "Service" && (text(parent.group) ?? "core") !==
      "gateway.networking.k8s.io" &&
    parent.name === service.name &&
    (text(parent.namespace) ?? namespaceOf(route)) === service.namespace &&
    (number(parent.port) ?? port) === port
  );
}

function namespaceOf(object: KubeObject): string {
  return object.metadata.namespace ?? "default";
}
