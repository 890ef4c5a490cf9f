import { z } from "zod";
import {
  AS_SENT,
  type PathNormalization,
} from "../../core/l7/normalize_path.ts";
import type { RegexPaths } from "../../core/l7/http_route_match.ts";
import type { SpecificityOrder } from "../../core/l7/specificity.ts";

/** Where implementations differ, and what a user may override. */
export const GATEWAY_OPTIONS = z.strictObject({
  /** Whose behaviour is modelled where the specification leaves it open. */
  implementation: z.enum([
    "generic",
    "envoy-gateway",
    "istio",
    "cilium",
    "nginx-gateway-fabric",
    "ingress-nginx",
  ]).default("generic"),
  /** GatewayClasses served; all but waypoints when absent. */
  gatewayClasses: z.array(z.string()).optional(),
  /** IngressClasses served; those of the implementation when absent. */
  ingressClasses: z.array(z.string()).optional(),
  /** Serve Ingresses that name no class. */
  ingressWithoutClass: z.boolean().optional(),
  /** The ingress-nginx controller runs with `--enable-ssl-passthrough`. */
  sslPassthrough: z.boolean().default(false),
  /** Addresses of Gateways and Ingresses by `namespace/name`, for manifests that have no status. */
  addresses: z.record(z.string(), z.union([z.string(), z.array(z.string())]))
    .default({}),
  /** Only routes of the most specific listener (GatewayHTTPListenerIsolation). */
  listenerIsolation: z.boolean().optional(),
  /** Answer 421 when another listener fits the Host header better than the one that SNI chose. */
  misdirectedRequests: z.boolean().optional(),
  /** When no route of the most specific host name matches, try the next. */
  hostnameFallThrough: z.boolean().optional(),
  /** Host names compare as the route wrote them, or as narrowed by the listener. */
  hostnamePrecedence: z.enum(["original", "intersection"]).optional(),
  /** Where regular expressions come among paths. */
  regexPaths: z.enum(["before-prefixes", "after-prefixes"]).optional(),
  /** Send to endpoints, or to the Service's own address. */
  backends: z.enum(["endpoints", "service"]).optional(),
});

/** Options as a stack gives them, defaults filled in. */
export type GatewayOptions = z.infer<typeof GATEWAY_OPTIONS>;

/** What an implementation does where others do something else. */
export interface Profile {
  readonly implementation: GatewayOptions["implementation"];
  readonly listenerIsolation: boolean;
  readonly misdirectedRequests: boolean;
  readonly hostnameFallThrough: boolean;
  readonly hostnamePrecedence: "original" | "intersection";
  readonly order: SpecificityOrder;
  readonly regex: RegexPaths;
  readonly normalization: PathNormalization;
  /** The backend gets the path as it was matched, or as it was sent. */
  readonly forwardsNormalized: boolean;
  /** An escaped slash is answered with a redirect to the path without it. */
  readonly redirectsEscapedSlashes: boolean;
  readonly backends: "endpoints" | "service";
  /** IngressClasses served by default; null: all. */
  readonly ingressClasses: readonly string[] | null;
  /** Controller name of the IngressClasses it serves. */
  readonly ingressController: string | null;
  /** How Ingresses are read: as ingress-nginx does, or as their API says with these additions. */
  readonly ingress: "nginx" | IngressReading;
  /** Whether it serves Gateway API at all. */
  readonly gateways: boolean;
  /** User id of the proxy's sockets. */
  readonly uid: number;
  /** Mark on the packets to backends of a proxy without a pod of its own. */
  readonly mark: number;
}

/** What the API of Ingress leaves to implementations. */
export interface IngressReading {
  /** How a path of type ImplementationSpecific is read; null: not known. */
  readonly specificPaths: RegexPaths;
  /** Status with which plain requests for a host with TLS are sent to https; null: they are served. */
  readonly httpsRedirect: number | null;
  /** The default backend also answers what no path of a known host matches. */
  readonly defaultForKnownHosts: boolean;
}

const ENVOY_PATHS: PathNormalization = {
  ...AS_SENT,
  dots: true,
  backslashes: true,
};

const NGINX_PATHS: PathNormalization = {
  ...AS_SENT,
  dots: true,
  mergeSlashes: "before dots",
  decode: true,
};

const GENERIC: Profile = {
  implementation: "generic",
  listenerIsolation: true,
  misdirectedRequests: true,
  hostnameFallThrough: true,
  hostnamePrecedence: "original",
  order: { regexPaths: "after-prefixes", method: "before-headers" },
  regex: { full: true, caseInsensitive: false },
  normalization: AS_SENT,
  forwardsNormalized: true,
  redirectsEscapedSlashes: false,
  backends: "endpoints",
  ingressClasses: null,
  ingressController: null,
  ingress: {
    specificPaths: null,
    httpsRedirect: null,
    defaultForKnownHosts: true,
  },
  gateways: true,
  uid: 65532,
  mark: 0,
};

/** Envoy picks one virtual host and looks no further; none of these answers 421 (reports for Gateway API 1.6). */
const ENVOY: Profile = {
  ...GENERIC,
  misdirectedRequests: false,
  hostnameFallThrough: false,
  hostnamePrecedence: "intersection",
  normalization: ENVOY_PATHS,
};

/**
 * Sources of the differences: envoyproxy/gateway internal/gatewayapi/sort.go;
 * istio/istio pilot/pkg/config/kube/gateway/conversion.go (getURIRank);
 * cilium/cilium operator/pkg/model (SortableRoute, ingestion/ingress.go);
 * kubernetes/ingress-nginx internal/ingress/controller; the conformance
 * reports of Gateway API for what is supported at all.
 */
export const PROFILES: Readonly<
  Record<GatewayOptions["implementation"], Profile>
> = {
  generic: GENERIC,
  "envoy-gateway": {
    ...ENVOY,
    implementation: "envoy-gateway",
    order: { regexPaths: "before-prefixes", method: "as-header" },
    normalization: { ...ENVOY_PATHS, mergeSlashes: "after dots" },
    redirectsEscapedSlashes: true,
    ingressClasses: [],
  },
  istio: {
    ...ENVOY,
    implementation: "istio",
    ingressClasses: ["istio"],
    ingressController: "istio.io/ingress-controller",
    uid: 1337,
  },
  cilium: {
    ...ENVOY,
    implementation: "cilium",
    order: { regexPaths: "before-prefixes", method: "before-headers" },
    ingressClasses: ["cilium"],
    ingressController: "cilium.io/ingress-controller",
    ingress: {
      specificPaths: { full: true, caseInsensitive: false },
      httpsRedirect: 301,
      defaultForKnownHosts: false,
    },
    // Its connection manager does not set normalize_path
    // (operator/pkg/model/translation/envoy_http_connection_manager.go).
    normalization: AS_SENT,
    // The proxy's sockets carry the identity reserved:ingress (8) in the
    // upper half of the mark, and MARK_MAGIC_PROXY_EGRESS in the lower
    // (cilium/cilium bpf/lib/common.h; cilium/proxy cilium_bpf_metadata).
    mark: 0x0008_0b00,
  },
  "nginx-gateway-fabric": {
    ...GENERIC,
    implementation: "nginx-gateway-fabric",
    hostnameFallThrough: false,
    hostnamePrecedence: "intersection",
    regex: null,
    normalization: NGINX_PATHS,
    forwardsNormalized: false,
    ingressClasses: [],
    uid: 101,
  },
  "ingress-nginx": {
    ...GENERIC,
    implementation: "ingress-nginx",
    normalization: NGINX_PATHS,
    forwardsNormalized: false,
    ingressClasses: ["nginx"],
    ingressController: "k8s.io/ingress-nginx",
    ingress: "nginx",
    gateways: false,
    uid: 101,
  },
};

/** The profile of an implementation with the user's switches applied. */
export function profileOf(options: GatewayOptions): Profile {
  const base = PROFILES[options.implementation];
  return {
    ...base,
    listenerIsolation: options.listenerIsolation ?? base.listenerIsolation,
    misdirectedRequests: options.misdirectedRequests ??
      base.misdirectedRequests,
    hostnameFallThrough: options.hostnameFallThrough ??
      base.hostnameFallThrough,
    hostnamePrecedence: options.hostnamePrecedence ?? base.hostnamePrecedence,
    order: {
      ...base.order,
      regexPaths: options.regexPaths ?? base.order.regexPaths,
    },
    backends: options.backends ?? base.backends,
  };
}
