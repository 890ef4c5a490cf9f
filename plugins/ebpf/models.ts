import type { ModelClaim } from "../../core/replay/plugin.ts";

/** What the plugin says of the real thing, and where that is written. */
export const MODELS: readonly ModelClaim[] = [
  {
    claim:
      "connect() and sendmsg() are given a backend in place of a Service address; node ports on every node's address; external addresses only when they are the node's own",
    source: "cilium/cilium bpf/bpf_sock.c, __sock4_xlate_fwd",
  },
  {
    claim:
      "without kubeProxyReplacement pods' ClusterIP traffic is still balanced at the pod's link",
    source: "cilium/cilium issue 16197",
  },
  {
    claim:
      "egress policy is judged on the backend and its port, after load balancing",
    source: "cilium/cilium bpf/bpf_lxc.c, handle_ipv4_from_lxc",
  },
  {
    claim: "CIDR rules match the world alone, neither pods nor nodes",
    source: "cilium/cilium issues 9209, 20550; pkg/policy/types/selector.go",
  },
  {
    claim: "deny rules win over allow rules whatever their kind",
    source: "cilium/cilium Documentation/security/policy/deny.rst",
  },
  {
    claim: "HTTP that a rule does not allow is answered 403, not dropped",
    source: "cilium/cilium Documentation/security/policy/language.rst",
  },
  {
    claim:
      "loadBalancerSourceRanges hold for packets off the wire alone, and not for node ports",
    source: "cilium/cilium Documentation/network/kubernetes/kubeproxy-free.rst",
  },
  {
    claim:
      "externalTrafficPolicy: Local does not limit the backends of clients in the cluster",
    source: "cilium/cilium bpf/lib/lb.h, lb4_lookup_service",
  },
  {
    claim:
      "a pod that reaches itself through its Service is seen as 169.254.42.1, and policy is skipped",
    source: "cilium/cilium bpf/lib/lb.h, lb4_local; bpf/bpf_lxc.c",
  },
  {
    claim:
      "BPF masquerade spares all addresses of nodes, the netfilter one their internal addresses",
    source: "cilium/cilium issue 17177; bpf/lib/nat.h",
  },
  {
    claim:
      "what the proxy of Ingresses and Gateways sends has the identity reserved:ingress, by its mark or its address",
    source:
      "cilium/cilium bpf/lib/identity.h, get_identity; pkg/envoy/xds_server.go; issue 34786",
  },
  {
    claim:
      "toFQDNs has the addresses outside the cluster that DNS answers gave, for their time to live",
    source: "cilium/cilium pkg/fqdn/cache.go; layer3.rst, DNS based",
  },
  {
    claim:
      "selectors that name no cluster of a mesh mean every cluster, from 1.19 on their own",
    source: "cilium/cilium issue 36194, PR 40609",
  },
  {
    claim:
      "a policy map is asked for the identity and for anyone; the higher precedence wins, then the longer prefix, then the identity's own",
    source: "cilium/cilium bpf/lib/policy.h, __policy_can_access",
  },
  {
    claim:
      "an endpoint whose entries have no room in its policy map keeps the map it had, or is locked down",
    source: "cilium/cilium pkg/endpoint/bpf.go; PR 35042",
  },
  {
    claim:
      "Maglev hashes what comes off the wire by client, ports and protocol into a table that is the same on every node",
    source: "cilium/cilium pkg/maglev; bpf/lib/hash.h; bpf/lib/lb.h",
  },
  {
    claim:
      "direct server return keeps the client's address to another node's backend, which answers as the frontend from its own node",
    source:
      "cilium/cilium bpf/lib/nodeport.h, tail_nodeport_ipv4_dsr, xlate_dsr_v4; PR 29155",
  },
  {
    claim:
      "XDP acceleration forwards to other nodes past every hook of tc and netfilter, with the same verdicts",
    source:
      "cilium/cilium bpf/bpf_xdp.c; Documentation/network/kubernetes/kubeproxy-free.rst, XDP acceleration",
  },
  {
    claim:
      "a local redirect answers on nodes that have a ready pod for it, elsewhere the Service does",
    source:
      "cilium/cilium pkg/loadbalancer/redirectpolicy/controller.go; Documentation/network/kubernetes/local-redirect-policy.rst",
  },
  {
    claim:
      "policies of nodes hold for the host's own addresses and processes alone, after load balancing, and only with the host firewall",
    source:
      "cilium/cilium bpf/lib/host_firewall.h; Documentation/security/policy/host.rst",
  },
];
