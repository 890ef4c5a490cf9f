import { type KubeObject, partPosition } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { number, record, records, text } from "../../core/l7/json.ts";
import type { Rule } from "../../core/source.ts";
import type { ReferenceScope } from "./backend_reference.ts";
import { compileGateway } from "./gateway_programs.ts";
import { compileGenericIngress } from "./ingress_generic.ts";
import { servedIngresses } from "./ingress_scope.ts";
import { compileNginxIngress } from "./nginx_ingress.ts";
import { type GatewayOptions, type Profile, profileOf } from "./options.ts";
import {
  emptyPlacement,
  gatewayAddresses,
  gatewayPods,
  ingressAddresses,
  ingressPods,
  place,
  type Placement,
} from "./placement.ts";
import type { PortProgram, ServiceBackend } from "./program.ts";
import { compileGrants } from "./reference_grant.ts";
import {
  type Applied,
  type GatewayState,
  namespaceOf,
  objectsOf,
} from "./state.ts";

/** Everything that the data half needs. */
export interface Compiled {
  /** Programs of each Gateway, by `namespace/name`. */
  readonly gateways: ReadonlyMap<string, readonly PortProgram[]>;
  readonly ingress: readonly PortProgram[];
  readonly placement: Placement;
}

/** Classes of Gateways that stand for something else than a listening proxy. */
const WAYPOINT_CLASSES = new Set(["istio-waypoint", "istio-remote"]);

/** Turns the objects into programs, and puts them where they run. */
export function compile(
  state: GatewayState,
  cluster: ClusterView,
  options: GatewayOptions,
): Compiled {
  const profile = profileOf(options);
  const references: ReferenceScope = {
    cluster,
    grants: compileGrants(state),
    unmodelled: backendTls(state, cluster),
  };
  const placement = emptyPlacement();
  const gateways = new Map<string, readonly PortProgram[]>();
  for (const gateway of servedGateways(state, { options, profile })) {
    const { object } = gateway;
    const programs = compileGateway(gateway, {
      profile,
      references,
      cluster,
      grants: references.grants,
      listenerSets: objectsOf(state, "ListenerSet"),
      routes: ROUTE_KINDS.flatMap((kind) => objectsOf(state, kind)),
    });
    gateways.set(`${namespaceOf(object)}/${object.metadata.name}`, programs);
    place(placement, programs, {
      pods: gatewayPods(object, cluster),
      addresses: gatewayAddresses(object, { cluster, options }),
      rule: cite(object),
      cluster,
    });
  }
  const ingresses = servedIngresses(state, { options, profile });
  const scope = { profile, options, references };
  const ingress = profile.ingress === "nginx"
    ? compileNginxIngress(ingresses, scope)
    : compileGenericIngress(ingresses, { ...scope, reading: profile.ingress });
  const pods = ingressPods(profile, cluster);
  for (
    const { object } of pods.length > 0 ? ingresses.slice(0, 1) : ingresses
  ) {
    place(placement, ingress, {
      pods,
      addresses: ingressAddresses(object, options),
      rule: cite(object),
      cluster,
    });
  }
  return { gateways, ingress, placement };
}

function cite(object: KubeObject): Rule {
  const { name } = object.metadata;
  return {
    name: `${object.kind} ${namespaceOf(object)}/${name}`,
    source: partPosition(object, ["spec"]),
  };
}

const ROUTE_KINDS = [
  "HTTPRoute",
  "GRPCRoute",
  "TLSRoute",
  "TCPRoute",
  "UDPRoute",
] as const;

function servedGateways(
  state: GatewayState,
  { options, profile }: { options: GatewayOptions; profile: Profile },
): readonly Applied[] {
  if (!profile.gateways) return [];
  const { gatewayClasses } = options;
  return objectsOf(state, "Gateway").filter(({ object }) => {
    const name = text(record(object.spec).gatewayClassName) ?? "";
    return gatewayClasses === undefined
      ? !WAYPOINT_CLASSES.has(name)
      : gatewayClasses.includes(name);
  });
}

/** Whether certificates, which are not in the cluster model, decide about connections to a Service port. */
function backendTls(
  state: GatewayState,
  cluster: ClusterView,
): ReferenceScope["unmodelled"] {
  const policies = objectsOf(state, "BackendTLSPolicy").flatMap(({ object }) =>
    records(record(object.spec).targetRefs)
      .filter((target) => target.kind === "Service")
      .map((target) => ({ namespace: namespaceOf(object), target }))
  );
  return ({ namespace, name, port }: ServiceBackend) => {
    const service = cluster.services.get(`${namespace}/${name}`);
    const portName = service?.ports.find((one) => one.port === port)?.name;
    const found = policies.some(({ namespace: own, target }) =>
      own === namespace && target.name === name &&
      (target.sectionName === undefined || target.sectionName === portName ||
        number(target.sectionName) === port)
    );
    return found ? "certificates for BackendTLSPolicy are not modelled" : null;
  };
}
