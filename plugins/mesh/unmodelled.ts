import type { KubeObject, Pod } from "../../core/cluster/model.ts";
import { inDomain } from "../../core/l7/host.ts";
import { list, record, records, texts } from "../../core/l7/json.ts";
import { splitAuthority } from "../../core/l7/request.ts";
import { Cidr, type Ip } from "../../core/packet/ip.ts";
import type { HttpRequest } from "../../core/packet/packet.ts";
import type { Rule } from "../../core/source.ts";
import { readLabels, readNumber, readText } from "./_read.ts";
import { citeObject } from "./_rule.ts";
import { selects } from "./peer_authentication.ts";
import type { ServiceRegistry } from "./service_registry.ts";
import { type MeshState, objectsOf } from "./state.ts";

/** Something that decides and is not modelled. */
export interface Doubt {
  readonly reason: string;
  readonly rule: Rule;
}

/** The side of a sidecar that an object changes. */
export type Side = "inbound" | "outbound";

/** Objects that change what proxies do in ways that are not modelled, and whom they touch. */
export class Unmodelled {
  readonly #filters: readonly KubeObject[];
  readonly #sidecars: readonly KubeObject[];
  readonly #entries: readonly KubeObject[];
  readonly #requestAuthentications: readonly KubeObject[];
  readonly #rootNamespace: string;
  readonly #registry: ServiceRegistry;

  constructor(
    state: MeshState,
    { registry, rootNamespace }: {
      readonly registry: ServiceRegistry;
      readonly rootNamespace: string;
    },
  ) {
    this.#registry = registry;
    this.#rootNamespace = rootNamespace;
    this.#filters = [
      ...objectsOf(state, "EnvoyFilter"),
      ...objectsOf(state, "WasmPlugin"),
    ];
    this.#sidecars = objectsOf(state, "Sidecar");
    this.#entries = objectsOf(state, "ServiceEntry");
    this.#requestAuthentications = objectsOf(state, "RequestAuthentication");
  }

  /** An EnvoyFilter or a WasmPlugin that changes one side of a pod's sidecar. */
  filterOf(pod: Pod, side: Side): Doubt | undefined {
    const filter = this.#filters.find((object) =>
      this.#touches(object, pod) && changesSide(object, side)
    );
    return filter && {
      reason: `${filter.kind} changes the proxy's configuration`,
      rule: citeObject(filter),
    };
  }

  /** A Sidecar object that may hide a host from a pod, the empty name standing for no host that is known. */
  sidecarHides(pod: Pod, host: string): Doubt | undefined {
    const sidecar = this.#sidecarOf(pod);
    if (sidecar === undefined) return undefined;
    const egress = records(record(sidecar.spec).egress);
    if (egress.length === 0) return undefined;
    const shown = egress.some((listener) =>
      listener.port === undefined && listener.bind === undefined &&
      texts(listener.hosts).some((entry) => this.#imports(entry, { pod, host }))
    );
    return shown ? undefined : {
      reason: "a Sidecar object limits what the proxy knows",
      rule: citeObject(sidecar, ["egress"]),
    };
  }

  /** A Sidecar object that defines the listener of a port itself. */
  sidecarListens(pod: Pod, port: number): Doubt | undefined {
    const sidecar = this.#sidecarOf(pod);
    const own = list(record(sidecar?.spec).ingress).some((listener) =>
      readNumber(record(record(listener).port).number) === port
    );
    return sidecar === undefined || !own ? undefined : {
      reason: "a Sidecar object defines the listener",
      rule: citeObject(sidecar, ["ingress"]),
    };
  }

  /**
   * A ServiceEntry for a host name, for an address, or without addresses for
   * a port, which gives that port a listener for all of them.
   */
  entryFor(
    { host, ip, port }: {
      readonly host: string | null;
      readonly ip: Ip | null;
      readonly port: number | null;
    },
  ): Doubt | undefined {
    const entry = this.#entries.find((object) => {
      const spec = record(object.spec);
      const named = host !== null &&
        texts(spec.hosts).some((domain) =>
          inDomain(domain.toLowerCase(), host)
        );
      const anywhere = texts(spec.addresses).length === 0 &&
        records(spec.ports).some((item) =>
          port !== null && readNumber(item.number) === port
        );
      return named || anywhere ||
        (ip !== null &&
          entryAddresses(spec).some((address) =>
            Cidr.parse(address)?.contains(ip)
          ));
    });
    return entry && {
      reason: "ServiceEntry is not modelled",
      rule: citeObject(entry),
    };
  }

  /** A RequestAuthentication that reads a token which the request carries. */
  tokenOf(pod: Pod, request: HttpRequest): Doubt | undefined {
    const object = this.#requestAuthentications.find((candidate) =>
      this.#touches(candidate, pod) && carriesToken(candidate, request)
    );
    return object && {
      reason: "tokens are not validated",
      rule: citeObject(object),
    };
  }

  #sidecarOf(pod: Pod): KubeObject | undefined {
    const candidates = this.#sidecars.filter((object) =>
      this.#touches(object, pod)
    );
    const selective = (object: KubeObject) =>
      Object.keys(selectorOf(object)).length > 0;
    return candidates.find((object) =>
      selective(object) && object.metadata.namespace === pod.namespace
    ) ??
      candidates.find((object) =>
        object.metadata.namespace === pod.namespace
      ) ?? candidates.find((object) => !selective(object));
  }

  /** Whether an object is for a pod: of its namespace or the root namespace, and selecting it. */
  #touches(object: KubeObject, pod: Pod): boolean {
    const { namespace } = object.metadata;
    return (namespace === pod.namespace || namespace === this.#rootNamespace) &&
      selects(selectorOf(object), pod.labels);
  }

  /** Whether `namespace/name` of a Sidecar's egress hosts takes in a host. */
  #imports(
    entry: string,
    { pod, host }: { readonly pod: Pod; readonly host: string },
  ): boolean {
    const [namespace, name] = entry.split("/");
    if (name === undefined || namespace === undefined) return false;
    const service = this.#registry.serviceOf(host);
    const from = namespace === "." ? pod.namespace : namespace;
    const inNamespace = from === "*" || from === service?.namespace;
    return inNamespace && inDomain(name.toLowerCase(), host);
  }
}

function selectorOf(object: KubeObject): Readonly<Record<string, string>> {
  const spec = record(object.spec);
  const workload = record(spec.workloadSelector);
  return readLabels(
    record(spec.selector).matchLabels ?? workload.labels ??
      workload.matchLabels,
  );
}

function changesSide(object: KubeObject, side: Side): boolean {
  if (object.kind === "WasmPlugin") return true;
  const own = `SIDECAR_${side.toUpperCase()}`;
  return list(record(object.spec).configPatches).some((patch) => {
    const context = readText(record(record(patch).match).context);
    return context === null || context === "ANY" || context === own;
  });
}

function entryAddresses(spec: Readonly<Record<string, unknown>>): string[] {
  return [
    ...texts(spec.addresses),
    ...list(spec.endpoints).flatMap((endpoint) =>
      readText(record(endpoint).address) ?? []
    ),
  ];
}

/** Whether a request has something at a place where one of the rules looks for a token. */
function carriesToken(object: KubeObject, request: HttpRequest): boolean {
  const has = (name: string) =>
    request.headers.some(([key]) => key.toLowerCase() === name.toLowerCase());
  return records(record(object.spec).jwtRules).some((rule) => {
    const headers = list(rule.fromHeaders).map((item) =>
      readText(record(item).name) ?? ""
    );
    const places = [rule.fromHeaders, rule.fromParams, rule.fromCookies];
    if (places.every((place) => list(place).length === 0)) {
      return has("authorization") || request.path.includes("access_token=");
    }
    return headers.some(has) || has("cookie") ||
      texts(rule.fromParams).some((name) => request.path.includes(`${name}=`));
  });
}

/** The host of a request's authority. */
export function hostOf(request: HttpRequest): string {
  return splitAuthority(request.authority).host;
}
