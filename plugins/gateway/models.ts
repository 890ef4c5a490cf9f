import type { ModelClaim } from "../../core/replay/plugin.ts";

const API = "kubernetes-sigs/gateway-api apis/v1";
const NGINX = "kubernetes/ingress-nginx";

/** What this plugin claims about the real things, and where it is written. */
export const MODELS: readonly ModelClaim[] = [
  {
    claim: "Host name precedence comes before match precedence",
    source: `${API}/httproute_types.go HTTPRouteSpec.Hostnames`,
  },
  {
    claim: "Exact, longest prefix, method, headers, query, age, name, order",
    source: `${API}/httproute_types.go HTTPRouteRule.Matches`,
  },
  {
    claim: "The share of an invalid backend is answered with 500",
    source: `${API}/httproute_types.go HTTPRouteRule.BackendRefs`,
  },
  {
    claim: "The most specific listener takes a request, and no other",
    source: `${API}/gateway_types.go Listener.Hostname`,
  },
  {
    claim: "References across namespaces need a ReferenceGrant",
    source: `${API}/shared_types.go BackendObjectReference.Namespace`,
  },
  {
    claim: "Regular expressions come before prefixes, methods count as headers",
    source: "envoyproxy/gateway internal/gatewayapi/sort.go",
  },
  {
    claim: "Prefixes come before regular expressions",
    source: "istio/istio pilot/pkg/config/kube/gateway/conversion.go",
  },
  {
    claim: "use-regex or rewrite-target turns a whole host into expressions",
    source: `${NGINX} docs/user-guide/ingress-path-matching.md`,
  },
  {
    claim: "Locations are ordered by descending length of their path",
    source: `${NGINX} internal/ingress/controller/controller.go`,
  },
  {
    claim: "A location that ends in a slash answers 301 without it",
    source: "nginx src/http/ngx_http_core_module.c auto_redirect",
  },
];
