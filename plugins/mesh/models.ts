import type { ModelClaim } from "../../core/replay/plugin.ts";

/** What the plugin claims of the real thing, and where it is written. */
export const MODELS: readonly ModelClaim[] = [
  {
    claim: "which connections of a pod are redirected to its sidecar",
    source: "istio/istio tools/istio-iptables/pkg/capture/run.go",
  },
  {
    claim: "which listener and route a sidecar's connection takes",
    source:
      "istio/istio pilot/pkg/networking/core/listener.go and httproute.go",
  },
  {
    claim:
      "a TCP connection whose ClusterIP was translated before the sidecar matches no listener and passes through (inferred from the listeners' addresses)",
    source: "istio/istio pilot/pkg/networking/core/listener.go",
  },
  {
    claim: "VirtualService routes, in list order",
    source: "istio/istio pilot/pkg/networking/core/route/route.go",
  },
  {
    claim: "DestinationRule lookup, subsets and TLS mode",
    source: "istio/istio pilot/pkg/model/push_context.go",
  },
  {
    claim: "PeerAuthentication precedence and filter chains",
    source: "istio/istio pilot/pkg/model/authentication.go",
  },
  {
    claim: "AuthorizationPolicy as sidecars enforce it",
    source: "istio/istio pilot/pkg/security/authz/model/model.go",
  },
  {
    claim: "AuthorizationPolicy as ztunnel enforces it",
    source:
      "istio/istio pilot/pkg/serviceregistry/ambient/authorization.go, istio/ztunnel src/rbac.rs",
  },
  {
    claim: "HBONE on port 15008, and who speaks it",
    source: "istio.io docs/ambient/architecture/hbone",
  },
  {
    claim: "probes of ambient pods come from 169.254.7.127",
    source: "istio/istio cni/pkg/iptables/iptables.go",
  },
];
