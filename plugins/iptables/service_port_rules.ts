import type { Node, PortEndpoint } from "../../core/cluster/model.ts";
import type { Cidr, Ip } from "../../core/packet/ip.ts";
import { ChainNames } from "./chain_name.ts";
import {
  chooseEndpoints,
  endpointText,
  trafficPolicies,
} from "./endpoint_choice.ts";
import type { KubeProxySettings } from "./kube_proxy_settings.ts";
import type { ProxiedPort } from "./proxied_ports.ts";
import {
  comment,
  is,
  jump,
  match,
  option,
  type RuleGatherer,
  type RuleParts,
  single,
  target,
} from "./rule_builder.ts";

/** Writes the rules of one Service port. */
export class ServicePortRules {
  readonly #proxied: ProxiedPort;
  readonly #node: Node;
  readonly #settings: KubeProxySettings;
  readonly #filter: RuleGatherer;
  readonly #nat: RuleGatherer;
  readonly #comments: boolean;
  readonly #protocol: string;
  readonly #names: ChainNames;
  readonly #externalIps: readonly Ip[];
  readonly #balancerIps: readonly Ip[];
  readonly #ranges: readonly Cidr[];

  constructor(proxied: ProxiedPort, context: {
    readonly node: Node;
    readonly settings: KubeProxySettings;
    readonly filter: RuleGatherer;
    readonly nat: RuleGatherer;
    readonly comments: boolean;
  }) {
    const { service, port, name } = proxied;
    const { family } = context.settings;
    this.#proxied = proxied;
    this.#node = context.node;
    this.#settings = context.settings;
    this.#filter = context.filter;
    this.#nat = context.nat;
    this.#comments = context.comments;
    this.#protocol = port.protocol.toLowerCase();
    this.#names = new ChainNames(name, this.#protocol);
    this.#externalIps = service.externalIps.filter((ip) =>
      ip.family === family
    );
    // A balancer that rewrites destinations itself must not be short-cut (ipMode Proxy, 1.29).
    this.#balancerIps = service.loadBalancerIps.flatMap(({ ip, mode }) =>
      mode === "VIP" && ip.family === family ? [ip] : []
    );
    this.#ranges = service.loadBalancerSourceRanges.filter(({ base }) =>
      base.family === family
    );
  }

  write(): void {
    const { service, port, endpoints } = this.#proxied;
    const policies = trafficPolicies(
      service,
      port,
      this.#externalIps.length + this.#balancerIps.length,
    );
    const chosen = chooseEndpoints(endpoints, {
      service,
      node: this.#node,
      policies,
    });
    const hasInternal = chosen.any &&
      (!policies.internalLocal || chosen.local.length > 0);
    const hasExternal = chosen.any &&
      (!policies.externalLocal || chosen.local.length > 0);
    const { any } = chosen;
    const internal = this.#chain(policies.internalLocal ? "SVL" : "SVC");
    this.#captureClusterIp(internal, { any, hasInternal });
    this.#captureExternal({ any, hasExternal });
    this.#captureHealthCheck();
    if (hasInternal) this.#masqueradeInternal(internal);
    if (any && policies.externallyAccessible) {
      this.#externalChain(policies.externalLocal, hasExternal);
    }
    if (this.#usesFirewall(any)) this.#firewallChain();
    if (chosen.cluster.length > 0) {
      this.#shareOut(this.#chain("SVC"), chosen.cluster);
    }
    if (chosen.local.length > 0) {
      this.#shareOut(this.#chain("SVL"), chosen.local);
    }
    for (const endpoint of chosen.reachable) this.#endpointChain(endpoint);
  }

  #chain(kind: "SVC" | "SVL" | "EXT" | "FW"): string {
    return this.#names.ofService(kind);
  }

  #captureClusterIp(
    chain: string,
    { any, hasInternal }: {
      readonly any: boolean;
      readonly hasInternal: boolean;
    },
  ): void {
    const { name, clusterIp } = this.#proxied;
    if (hasInternal) {
      this.#writeNat("KUBE-SERVICES", {
        ...this.#to(clusterIp, `${name} cluster IP`),
        target: jump(chain),
      });
    } else {
      this.#writeFilter("KUBE-SERVICES", {
        ...this.#to(clusterIp, this.#refusalComment(any)),
        target: refusal(any, this.#settings.family),
      });
    }
  }

  #captureExternal(
    { any, hasExternal }: {
      readonly any: boolean;
      readonly hasExternal: boolean;
    },
  ): void {
    const { name, port } = this.#proxied;
    const external = this.#chain("EXT");
    const firewall = this.#usesFirewall(any);
    const refuse = (parts: RuleParts) => {
      if (hasExternal) return;
      this.#writeFilter("KUBE-EXTERNAL-SERVICES", {
        ...parts,
        target: refusal(any, this.#settings.family),
      });
    };
    for (const ip of this.#externalIps) {
      if (any) {
        this.#writeNat("KUBE-SERVICES", {
          ...this.#to(ip, `${name} external IP`),
          target: jump(external),
        });
      }
      refuse(this.#to(ip, this.#refusalComment(any)));
    }
    for (const ip of this.#balancerIps) {
      if (any) {
        this.#writeNat("KUBE-SERVICES", {
          ...this.#to(ip, `${name} loadbalancer IP`),
          target: jump(firewall ? this.#chain("FW") : external),
        });
      }
      if (firewall) {
        const text = `${name} traffic not accepted by ${this.#chain("FW")}`;
        this.#writeFilter("KUBE-PROXY-FIREWALL", {
          ...this.#to(ip, text),
          target: target("DROP"),
        });
      }
      refuse(this.#to(ip, this.#refusalComment(any)));
    }
    if (port.nodePort === null) return;
    if (any) {
      this.#writeNat("KUBE-NODEPORTS", {
        ...this.#toPort(port.nodePort, [comment(name)]),
        target: jump(external),
      });
    }
    refuse(this.#toPort(port.nodePort, [
      comment(this.#refusalComment(any)),
      match("addrtype", option("dst-type", "LOCAL")),
    ]));
  }

  #captureHealthCheck(): void {
    const { service, name } = this.#proxied;
    const needed = service.type === "LoadBalancer" &&
      service.externalTrafficPolicy === "Local";
    if (!needed || !service.healthCheckNodePort) return;
    this.#writeFilter("KUBE-NODEPORTS", {
      protocol: is("tcp"),
      matches: [
        comment(`${name} health check node port`),
        match("tcp", option("dport", `${service.healthCheckNodePort}`)),
      ],
      target: target("ACCEPT"),
    });
  }

  #masqueradeInternal(chain: string): void {
    const { name, clusterIp } = this.#proxied;
    const { masqueradeAll, localDetector } = this.#settings;
    if (!masqueradeAll && localDetector === null) return;
    this.#writeNat(chain, {
      ...this.#to(clusterIp, `${name} cluster IP`),
      ...(masqueradeAll ? {} : localDetector!.ifNotLocal),
      target: jump("KUBE-MARK-MASQ"),
    });
  }

  #externalChain(externalLocal: boolean, hasExternal: boolean): void {
    const { name } = this.#proxied;
    const { localDetector } = this.#settings;
    const external = this.#chain("EXT");
    const fromHost = match("addrtype", option("src-type", "LOCAL"));
    if (!externalLocal) {
      this.#writeNat(external, {
        matches: [
          comment(`masquerade traffic for ${name} external destinations`),
        ],
        target: jump("KUBE-MARK-MASQ"),
      });
    } else {
      // A pod's way to an external address of its own cluster is short-cut.
      if (localDetector !== null) {
        this.#writeNat(external, {
          ...localDetector.ifLocal,
          matches: [comment(`pod traffic for ${name} external destinations`)],
          target: jump(this.#chain("SVC")),
        });
      }
      this.#writeNat(external, {
        matches: [
          comment(`masquerade LOCAL traffic for ${name} external destinations`),
          fromHost,
        ],
        target: jump("KUBE-MARK-MASQ"),
      });
      this.#writeNat(external, {
        matches: [
          comment(`route LOCAL traffic for ${name} external destinations`),
          fromHost,
        ],
        target: jump(this.#chain("SVC")),
      });
    }
    if (hasExternal) {
      this.#writeNat(external, {
        target: jump(this.#chain(externalLocal ? "SVL" : "SVC")),
      });
    }
  }

  #usesFirewall(any: boolean): boolean {
    return any && this.#balancerIps.length > 0 && this.#ranges.length > 0;
  }

  #firewallChain(): void {
    const { name } = this.#proxied;
    const firewall = this.#chain("FW");
    const nodeIp = this.#node.internalIps.find((ip) =>
      ip.family === this.#settings.family
    );
    const accept = (source: string) =>
      this.#writeNat(firewall, {
        source: is(source),
        matches: [comment(`${name} loadbalancer IP`)],
        target: jump(this.#chain("EXT")),
      });
    for (const range of this.#ranges) accept(range.text);
    const fromNode = nodeIp !== undefined &&
      this.#ranges.some((range) => range.contains(nodeIp));
    // A node's own request to the address loops back with that address as its source.
    if (fromNode) {
      for (const ip of this.#balancerIps) accept(single(ip).value);
    }
    this.#writeNat(firewall, {
      matches: [
        comment(
          `other traffic to ${name} will be dropped by KUBE-PROXY-FIREWALL`,
        ),
      ],
    });
  }

  #shareOut(chain: string, endpoints: readonly PortEndpoint[]): void {
    const { service, name } = this.#proxied;
    const entries = endpoints.map((endpoint) => ({
      chain: this.#names.ofEndpoint(endpointText(endpoint)),
      matches: this.#commentOn(`${name} -> ${endpointText(endpoint)}`),
    }));
    if (service.affinityTimeoutS !== null) {
      for (const entry of entries) {
        this.#writeNat(chain, {
          matches: [
            ...entry.matches,
            this.#recent(
              entry.chain,
              option("rcheck"),
              option("seconds", `${service.affinityTimeoutS}`),
              option("reap"),
            ),
          ],
          target: jump(entry.chain),
        });
      }
    }
    for (const [index, entry] of entries.entries()) {
      const left = entries.length - index;
      this.#writeNat(chain, {
        matches: left === 1
          ? entry.matches
          : [...entry.matches, randomShare(left)],
        target: jump(entry.chain),
      });
    }
  }

  #endpointChain(endpoint: PortEndpoint): void {
    const { service, name } = this.#proxied;
    const text = endpointText(endpoint);
    const chain = this.#names.ofEndpoint(text);
    const matches = this.#commentOn(name);
    this.#writeNat(chain, {
      source: single(endpoint.ip),
      matches,
      target: jump("KUBE-MARK-MASQ"),
    });
    this.#writeNat(chain, {
      protocol: is(this.#protocol),
      matches: [
        ...matches,
        ...(service.affinityTimeoutS === null
          ? []
          : [this.#recent(chain, option("set"))]),
        match(this.#protocol),
      ],
      target: target("DNAT", option("to-destination", text)),
    });
  }

  #recent(
    list: string,
    ...options: readonly ReturnType<typeof option>[]
  ): ReturnType<typeof match> {
    const mask = this.#settings.family === 4
      ? "255.255.255.255"
      : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    return match(
      "recent",
      ...options,
      option("name", list),
      option("mask", mask),
      option("rsource"),
    );
  }

  #commentOn(text: string): readonly ReturnType<typeof comment>[] {
    return this.#comments ? [comment(text)] : [];
  }

  #to(ip: Ip, text: string): RuleParts {
    return {
      ...this.#toPort(this.#proxied.port.port, [comment(text)]),
      destination: single(ip),
    };
  }

  #toPort(
    port: number,
    matches: readonly ReturnType<typeof match>[],
  ): RuleParts {
    return {
      protocol: is(this.#protocol),
      matches: [
        ...matches,
        match(this.#protocol, option("dport", `${port}`)),
      ],
    };
  }

  #refusalComment(any: boolean): string {
    const { name } = this.#proxied;
    return any ? `${name} has no local endpoints` : `${name} has no endpoints`;
  }

  #writeNat(chain: string, parts: RuleParts): void {
    this.#nat.append(chain, parts, this.#proxied.service.source);
  }

  #writeFilter(chain: string, parts: RuleParts): void {
    this.#filter.append(chain, parts, this.#proxied.service.source);
  }
}

/** Without any endpoint the sender is told; where only the policy leaves none, nothing is said. */
function refusal(any: boolean, family: 4 | 6): ReturnType<typeof target> {
  if (any) return target("DROP");
  const icmp = family === 4 ? "icmp" : "icmp6";
  return target("REJECT", option("reject-with", `${icmp}-port-unreachable`));
}

/** `--probability` of the first of `left` endpoints: `%0.10f`, kept in 31 bits, printed with 11 digits. */
function randomShare(left: number): ReturnType<typeof match> {
  const kept = Math.round(Number((1 / left).toFixed(10)) * 0x80000000);
  return match(
    "statistic",
    option("mode", "random"),
    option("probability", (kept / 0x80000000).toFixed(11)),
  );
}
