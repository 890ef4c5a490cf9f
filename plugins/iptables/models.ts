import type { ModelClaim } from "../../core/replay/plugin.ts";

/** What the plugin says of the real thing, and where that is written. */
export const MODELS: readonly ModelClaim[] = [
  {
    claim:
      "kube-proxy in iptables mode writes these chains, rules and base jumps",
    source:
      "kubernetes/kubernetes v1.28 pkg/proxy/iptables/proxier.go, syncProxyRules",
  },
  {
    claim:
      "kube-proxy in nftables mode writes this table; it refuses ports that a ClusterIP does not have, addresses that no Service has, and node ports off the primary addresses",
    source:
      "kubernetes/kubernetes master pkg/proxy/nftables/proxier.go, setupNFTables, syncProxyRules",
  },
  {
    claim:
      "kube-proxy in IPVS mode has these sets, virtual servers and rules; VIPs are on kube-ipvs0, so local, and from v1.25 on rejected on ports that they do not serve",
    source:
      "kubernetes/kubernetes v1.33 pkg/proxy/ipvs/proxier.go, syncProxyRules, writeIptablesRules; PR 108460",
  },
  {
    claim:
      "IPVS takes in connections after INPUT's filter, and the node's own after OUTPUT's nat; by NAT they go out through OUTPUT and POSTROUTING; without a real server the sender is told by ICMP",
    source:
      "net/netfilter/ipvs/ip_vs_core.c, ip_vs_ops4, ip_vs_in_hook, ip_vs_leave; ip_vs_xmit.c, ip_vs_nat_xmit",
  },
  {
    claim: "TCP states, and what is INVALID in which of them",
    source: "net/netfilter/nf_conntrack_proto_tcp.c, tcp_conntracks",
  },
  {
    claim:
      "an ICMP error is RELATED to the connection of the packet in it, and both are translated",
    source:
      "net/netfilter/nf_conntrack_proto_icmp.c, nf_conntrack_inet_error; nf_nat_core.c, nf_nat_icmp_reply_translation",
  },
  {
    claim:
      "which endpoints a node uses: ready ones, else those serving while terminating; hints; traffic policies",
    source: "kubernetes/kubernetes v1.28 pkg/proxy/topology.go",
  },
  {
    claim:
      "a load balancer address of ipMode Proxy is not captured by the nodes",
    source: "kubernetes/kubernetes v1.29 pkg/proxy/serviceport.go",
  },
  {
    claim:
      "tables run at their hooks in the order raw, conntrack, mangle, nat, filter, security, nat, confirm",
    source: "include/uapi/linux/netfilter_ipv4.h, enum nf_ip_hook_priorities",
  },
  {
    claim: "jump, goto, return and policies as a table's traversal has them",
    source: "net/ipv4/netfilter/ip_tables.c, ipt_do_table",
  },
  {
    claim:
      "nat is consulted for the first packet of a connection, INVALID and UNTRACKED packets skip it, a dropped packet leaves no connection",
    source: "net/netfilter/nf_nat_core.c, nf_nat_inet_fn",
  },
  {
    claim:
      "connections are tracked, and fragments put together, only where a rule needs it",
    source: "net/netfilter/nf_conntrack_proto.c, nf_ct_netns_get",
  },
  {
    claim:
      "a source port gives way when the replies would be another connection's, also where no rule translates",
    source: "net/netfilter/nf_nat_core.c, get_unique_tuple",
  },
  {
    claim: "TCP streams joined midway are tracked (nf_conntrack_tcp_loose=1)",
    source: "net/netfilter/nf_conntrack_proto_tcp.c",
  },
  {
    claim:
      "a random share is drawn in 31 bits; rules in a row that share out packets are one draw against their running shares",
    source: "net/netfilter/xt_statistic.c",
  },
  {
    claim:
      "an affinity list remembers 100 sources, the one longest unseen makes room",
    source: "net/netfilter/xt_recent.c, ip_list_tot",
  },
  {
    claim:
      "a local address is one of the node's or of 127/8; masquerading towards a pod takes the node's address, as its link has none",
    source:
      "net/netfilter/xt_addrtype.c; net/netfilter/nf_nat_masquerade.c, inet_select_addr",
  },
  {
    claim: "kube-proxy does not enforce NetworkPolicy",
    source: "kubernetes.io, Network Policies, Prerequisites",
  },
];
