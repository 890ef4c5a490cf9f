import {
  type KubeObject,
  partPosition,
  type Pod,
  type PortEndpoint,
} from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { Ip } from "../../core/packet/ip.ts";
import { formatEndpoint } from "../../core/packet/walking_packet.ts";
import { protocolNumber } from "../../core/policy/match_rule.ts";
import type { Rule } from "../../core/source.ts";
import { type ChangeClock, ServiceFrontend } from "./frontend.ts";
import {
  hasRedirectPods,
  type LocalRedirect,
  readLocalRedirect,
  redirectBackends,
  redirects,
} from "./maps/lb/local_redirect.ts";
import { PLAIN_SERVICE } from "./maps/lb/lb_frontend.ts";
import { SCOPE } from "./maps/lb/lb_address.ts";
import type { Settings } from "./options.ts";
import { redirectProblem } from "./redirect_problem.ts";

/** A redirect with the object it was read of. */
interface Known extends LocalRedirect {
  readonly object: KubeObject;
  readonly rule: Rule;
  /** Its own pods keep the address as it is. */
  readonly skipsItsPods: boolean;
}

/** Where a node looks for a frontend. */
interface Where {
  readonly node: string;
  readonly ip: Ip;
  readonly protocol: number;
  readonly port: number;
}

/** Whether an object is a CiliumLocalRedirectPolicy. */
export function isRedirect({ apiVersion, kind }: KubeObject): boolean {
  return apiVersion.startsWith("cilium.io/") &&
    kind === "CiliumLocalRedirectPolicy";
}

/**
 * What the node's own pods answer in the place of a Service, or of an address
 * that is no Service's (pkg/loadbalancer/redirectpolicy). Where the node has no
 * ready pod for it a redirect is not there, and the Service answers.
 */
export class Redirects {
  readonly #cluster: ClusterView;
  readonly #settings: Pick<Settings, "localRedirect" | "redirectRanges">;
  readonly #clock: ChangeClock = { changes: 0 };
  #objects: readonly KubeObject[] = [];
  #known: readonly Known[] = [];
  /** What was refused, and why. */
  warnings: readonly string[] = [];
  /** By node, then address; made when first asked for, until something changes. */
  readonly #frontends = new Map<string, ServiceFrontend>();

  constructor(
    cluster: ClusterView,
    settings: Pick<Settings, "localRedirect" | "redirectRanges">,
  ) {
    this.#cluster = cluster;
    this.#settings = settings;
  }

  /** There is nothing to ask for. */
  get none(): boolean {
    return this.#known.length === 0;
  }

  /** Takes in what has changed in the cluster and among the policies. */
  refresh(all: readonly KubeObject[]): void {
    const objects = all.filter(isRedirect);
    const same = objects.length === this.#objects.length &&
      objects.every((one, at) => one === this.#objects[at]);
    if (!same) this.#read(objects);
    this.#clock.changes++;
    this.#frontends.clear();
  }

  #read(objects: readonly KubeObject[]): void {
    this.#objects = objects;
    const warnings: string[] = [];
    this.#known = objects.flatMap((object) => {
      const name = nameOf(object);
      if (!this.#settings.localRedirect) {
        warnings.push(`${name} does nothing: local redirect is off`);
        return [];
      }
      const redirect = readLocalRedirect(object);
      const why = redirectProblem(object, redirect, this.#settings);
      if (why !== null || redirect === undefined) {
        warnings.push(`${name} is not loaded: ${why}`);
        return [];
      }
      return [{
        ...redirect,
        object,
        rule: ruleOf(object),
        skipsItsPods: spec(object)["skipRedirectFromBackend"] === true,
      }];
    });
    this.warnings = warnings;
  }

  /**
   * What a node has at an address in the place of `original`, the Service
   * frontend there; the same when nothing takes its place.
   */
  at(
    original: ServiceFrontend | undefined,
    where: Where,
  ): ServiceFrontend | undefined {
    const redirect = this.#redirectAt(original, where);
    if (redirect === undefined) return original;
    const { node, ip, protocol, port } = where;
    const key = `${node} ${ip.text} ${protocol} ${port}`;
    let made = this.#frontends.get(key);
    if (made === undefined) {
      made = this.#frontend(redirect, { where, original });
      this.#frontends.set(key, made);
    }
    return made;
  }

  /** Of several the last one processed stands, and they are processed by name. */
  #redirectAt(
    original: ServiceFrontend | undefined,
    { node, ip, protocol, port }: Where,
  ): Known | undefined {
    return this.#known.findLast((one) =>
      (original === undefined
        ? one.addresses.some(({ address }) =>
          address.port === port && address.ip.equals(ip) &&
          protocolNumber(address.protocol) === protocol
        )
        : takes(one, original, { ip, port })) &&
      hasRedirectPods(one, this.#cluster.podsOn(node))
    );
  }

  #frontend(
    redirect: Known,
    { where: { node, ip, port }, original }: {
      readonly where: Where;
      readonly original: ServiceFrontend | undefined;
    },
  ): ServiceFrontend {
    const own = redirect.addresses.find(({ address }) =>
      address.port === port && address.ip.equals(ip)
    );
    const protocol = original?.protocol ?? own!.address.protocol;
    const name = original?.portName ??
      (redirect.addresses.length > 1 ? own?.name : null) ?? "";
    const endpoints = redirectBackends(redirect, this.#cluster.podsOn(node))
      .filter(({ address, portNames }) =>
        address.protocol === protocol && address.ip.family === ip.family &&
        (name === "" || portNames.length === 0 || portNames.includes(name))
      )
      .map(({ address }) => endpointAt(address.ip, address.port));
    const at = `${formatEndpoint(ip, port)}/${protocol}`;
    return new ServiceFrontend({
      type: "LocalRedirect",
      service: original?.service ?? null,
      key: `${redirect.name} ${node} ${at}`,
      rule: {
        ...redirect.rule,
        name: `cilium_lb${ip.family}_services_v2 ${at} (LocalRedirect)`,
      },
      endpoints: () => endpoints,
      clock: this.#clock,
      protocol,
      ...(redirect.skipsItsPods
        ? {
          // cilium_skip_lb4 has the namespaces of the pods that were chosen.
          spares: (pod: Pod) => hasRedirectPods(redirect, [pod]),
        }
        : {}),
    });
  }
}

/** Whether a redirect takes the place of a Service's frontend. */
function takes(
  redirect: LocalRedirect,
  { type, service, protocol, portName }: ServiceFrontend,
  { ip, port }: { readonly ip: Ip; readonly port: number },
): boolean {
  if (service === null || type !== "ClusterIP") return false;
  return redirects(redirect, {
    type,
    service: {
      ...PLAIN_SERVICE,
      name: `${service.namespace}/${service.name}`,
    },
    address: { ip, port, protocol, scope: SCOPE.external },
    portName,
    redirectTo: null,
  });
}

function endpointAt(ip: Ip, port: number): PortEndpoint {
  return {
    ip,
    port,
    ready: true,
    serving: true,
    terminating: false,
    node: null,
    zone: null,
    hostname: null,
    pod: null,
    zoneHints: [],
  };
}

function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace ?? "default"}/${metadata.name}`;
}

function ruleOf(object: KubeObject): Rule {
  return {
    name: nameOf(object),
    text: nameOf(object),
    source: partPosition(object, ["spec"]),
  };
}

function spec(object: KubeObject): Readonly<Record<string, unknown>> {
  return typeof object.spec === "object" && object.spec !== null
    ? object.spec as Record<string, unknown>
    : {};
}
