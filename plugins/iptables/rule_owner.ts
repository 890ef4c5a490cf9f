import type { ChainRule } from "../../core/import/iptables_rules.ts";

/** Beginnings of names of chains, and whose they are; the first that fits counts. */
const OWNERS: readonly (readonly [RegExp, string])[] = [
  [/^KUBE-KUBELET-CANARY$|^KUBE-IPTABLES-HINT$/, "kubelet"],
  [/^KUBE-(ROUTER|POD-FW|NWPLCY|NFTABLES)/, "kube-router"],
  [/^KUBE-/, "kube-proxy"],
  [/^cali[-:]/, "Calico"],
  [/^(OLD_)?CILIUM_/, "Cilium"],
  [/^ISTIO_/, "Istio"],
  [/^DOCKER/, "Docker"],
  [/^ufw6?-/, "ufw"],
  [/^FLANNEL-/, "Flannel"],
  [/^IP-MASQ/, "ip-masq-agent"],
  [/^WEAVE/, "Weave Net"],
  [/^CNI-/, "CNI plugins"],
  [/^(AWS-SNAT|AWS-CONNMARK)/, "AWS VPC CNI"],
  [/^f2b-/, "fail2ban"],
  [/^LIBVIRT_/, "libvirt"],
];

/** Comments of rules that stand in the kernel's own chains. */
const COMMENTS: readonly (readonly [RegExp, string])[] = [
  [/^cali:/, "Calico"],
  [/^flanneld/, "Flannel"],
  [/^cilium[:-]/, "Cilium"],
  [/^(kubernetes|block incoming localnet)/, "kube-proxy"],
  [/^(AWS|aws)/, "AWS VPC CNI"],
  [/^ip-masq-agent/, "ip-masq-agent"],
  [/^kube-router/, "kube-router"],
];

/** The component that a chain belongs to; null where its name says nothing. */
export function chainOwner(chain: string): string | null {
  return OWNERS.find(([name]) => name.test(chain))?.[1] ?? null;
}

/** The component that wrote a rule: by the chain it is in, the one it leads to, its comment, or its interfaces. */
export function ruleOwner(chain: string, rule: ChainRule): string | null {
  const own = chainOwner(chain);
  if (own !== null) return own;
  const { target } = rule;
  if (target !== null && target.kind !== "extension") {
    const owner = chainOwner(target.name);
    if (owner !== null) return owner;
  }
  for (const { name, options } of rule.matches) {
    const text = name === "comment" ? options[0]?.values[0] ?? "" : "";
    const owner = COMMENTS.find(([comment]) => comment.test(text))?.[1];
    if (owner !== undefined) return owner;
  }
  const link = rule.inInterface?.value ?? rule.outInterface?.value ?? "";
  return /^docker/.test(link) ? "Docker" : null;
}
