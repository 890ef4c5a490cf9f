import type { IpvsServices } from "./ipvs_services.ts";
import { type KubeSet, setName } from "./ipvs_sets.ts";
import { masqueradeRules } from "./kube_proxy_base.ts";
import type { ProxyTables } from "./kube_proxy.ts";
import type { KubeProxySettings } from "./kube_proxy_settings.ts";
import {
  comment,
  is,
  jump,
  match,
  option,
  type RuleParts,
  single,
  TableBuilder,
  target,
} from "./rule_builder.ts";

/** What kube-proxy says of its sets in the rules that match them. */
const COMMENTS: Partial<Record<KubeSet, string>> = {
  loopback:
    "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose",
  clusterIp: "Kubernetes service cluster ip + port for masquerade purpose",
  externalIp:
    "Kubernetes service external ip + port for masquerade and filter purpose",
  externalIpLocal:
    "Kubernetes service external ip + port with externalTrafficPolicy=local",
  loadBalancer: "Kubernetes service lb portal",
  loadBalancerLocal:
    "Kubernetes service load balancer ip + port with externalTrafficPolicy=local",
  loadBalancerFirewall:
    "Kubernetes service load balancer ip + port for load balancer with sourceRange",
  loadBalancerSourceIp:
    "Kubernetes service load balancer ip + port + source IP for packet filter purpose",
  loadBalancerSourceCidr:
    "Kubernetes service load balancer ip + port + source cidr for packet filter purpose",
  nodePortTcp: "Kubernetes nodeport TCP port for masquerade purpose",
  nodePortLocalTcp:
    "Kubernetes nodeport TCP port with externalTrafficPolicy=local",
  nodePortUdp: "Kubernetes nodeport UDP port for masquerade purpose",
  nodePortLocalUdp:
    "Kubernetes nodeport UDP port with externalTrafficPolicy=local",
  nodePortSctp:
    "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
  nodePortLocalSctp:
    "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
  healthCheck: "Kubernetes health check node port",
};

/**
 * The rules of IPVS mode: the same few however many Services there are, as
 * sets say which packets they mean (pkg/proxy/ipvs/proxier.go,
 * `writeIptablesRules`, as of v1.33), base jumps included.
 */
export function ipvsTables(
  services: IpvsServices,
  { settings, accessFilter }: {
    readonly settings: KubeProxySettings;
    /** Whether VIPs lead to nothing but Services. */
    readonly accessFilter: boolean;
  },
): ProxyTables {
  const writer = new RuleWriter(services, settings);
  writer.jumps(accessFilter);
  writer.services();
  writer.firewall();
  writer.forwarding();
  if (accessFilter) writer.accessFilter();
  writer.masquerading();
  return { filter: writer.filter, nat: writer.nat };
}

class RuleWriter {
  readonly filter = new TableBuilder("filter");
  readonly nat = new TableBuilder("nat");
  readonly #services: IpvsServices;
  readonly #settings: KubeProxySettings;

  constructor(services: IpvsServices, settings: KubeProxySettings) {
    this.#services = services;
    this.#settings = settings;
  }

  /** Prepended one by one: this is the order that results. */
  jumps(accessFilter: boolean): void {
    const { filter, nat } = this;
    const to = (chain: string, text: string): RuleParts => ({
      matches: [comment(text)],
      target: jump(chain),
    });
    filter.declare(
      "KUBE-FORWARD",
      "KUBE-NODE-PORT",
      "KUBE-PROXY-FIREWALL",
      "KUBE-SOURCE-RANGES-FIREWALL",
      "KUBE-IPVS-OUT-FILTER",
    );
    const firewall = to("KUBE-PROXY-FIREWALL", "kube-proxy firewall rules");
    const access = "kubernetes ipvs access filter";
    if (accessFilter) filter.append("INPUT", to("KUBE-IPVS-FILTER", access));
    filter
      .append("INPUT", firewall)
      .append("INPUT", to("KUBE-NODE-PORT", "kubernetes health check rules"))
      .append("FORWARD", firewall)
      .append("FORWARD", to("KUBE-FORWARD", "kubernetes forwarding rules"))
      .append("OUTPUT", to("KUBE-IPVS-OUT-FILTER", access));
    nat.declare(
      "KUBE-SERVICES",
      "KUBE-POSTROUTING",
      "KUBE-NODE-PORT",
      "KUBE-LOAD-BALANCER",
      "KUBE-MARK-MASQ",
    );
    const services = to("KUBE-SERVICES", "kubernetes service portals");
    nat
      .append("PREROUTING", services)
      .append("OUTPUT", services)
      .append(
        "POSTROUTING",
        to("KUBE-POSTROUTING", "kubernetes postrouting rules"),
      );
  }

  services(): void {
    const { nat } = this;
    const loopback = this.#settings.family === 4 ? "127.0.0.0/8" : "::1/128";
    nat.append("KUBE-SERVICES", {
      source: is(loopback),
      target: target("RETURN"),
    });
    this.#ifSet(
      "loadBalancer",
      "dst,dst",
      (parts) =>
        nat.append("KUBE-SERVICES", {
          ...parts,
          target: jump("KUBE-LOAD-BALANCER"),
        }),
    );
    this.#clusterIps();
    this.#ifSet("externalIp", "dst,dst", (parts) => {
      nat.append("KUBE-SERVICES", { ...parts, target: jump("KUBE-MARK-MASQ") });
      this.#acceptExternal(parts);
    });
    this.#ifSet(
      "externalIpLocal",
      "dst,dst",
      (parts) => this.#acceptExternal(parts),
    );
    nat.append("KUBE-SERVICES", {
      matches: [match("addrtype", option("dst-type", "LOCAL"))],
      target: jump("KUBE-NODE-PORT"),
    });
    for (const set of ["clusterIp", "loadBalancer"] as const) {
      if (this.#services.sets.isEmpty(set)) continue;
      nat.append("KUBE-SERVICES", {
        matches: [this.#inSet(set, "dst,dst")],
        target: target("ACCEPT"),
      });
    }
    this.#loadBalancers();
    this.#nodePorts();
  }

  #clusterIps(): void {
    const { masqueradeAll, localDetector } = this.#settings;
    // Without a way to tell pods, what the node sends from a VIP itself is masqueraded.
    const directions = masqueradeAll || localDetector !== null
      ? "dst,dst"
      : "src,dst";
    const others = masqueradeAll ? {} : localDetector?.ifNotLocal ?? {};
    this.#ifSet(
      "clusterIp",
      directions,
      (parts) =>
        this.nat.append("KUBE-SERVICES", {
          ...parts,
          ...others,
          target: jump("KUBE-MARK-MASQ"),
        }),
    );
  }

  /** What comes from off the machine, and what is for an address of this one. */
  #acceptExternal(parts: RuleParts): void {
    const matches = parts.matches ?? [];
    const not = (name: string, ...values: readonly string[]) => ({
      name,
      negated: true,
      values,
    });
    this.nat
      .append("KUBE-SERVICES", {
        matches: [
          ...matches,
          match("physdev", not("physdev-is-in")),
          match("addrtype", not("src-type", "LOCAL")),
        ],
        target: target("ACCEPT"),
      })
      .append("KUBE-SERVICES", {
        matches: [...matches, match("addrtype", option("dst-type", "LOCAL"))],
        target: target("ACCEPT"),
      });
  }

  #loadBalancers(): void {
    this.#ifSet(
      "loadBalancerLocal",
      "dst,dst",
      (parts) =>
        this.nat.append("KUBE-LOAD-BALANCER", {
          ...parts,
          target: target("RETURN"),
        }),
    );
    this.nat.append("KUBE-LOAD-BALANCER", { target: jump("KUBE-MARK-MASQ") });
  }

  #nodePorts(): void {
    const kinds = [
      ["tcp", "nodePortLocalTcp", "nodePortTcp", "dst"],
      ["udp", "nodePortLocalUdp", "nodePortUdp", "dst"],
      ["sctp", "nodePortLocalSctp", "nodePortSctp", "dst,dst"],
    ] as const;
    for (const [protocol, local, all, directions] of kinds) {
      this.#ifSet(
        local,
        directions,
        (parts) =>
          this.nat.append("KUBE-NODE-PORT", {
            ...parts,
            protocol: is(protocol),
            target: target("RETURN"),
          }),
      );
      this.#ifSet(
        all,
        directions,
        (parts) =>
          this.nat.append("KUBE-NODE-PORT", {
            ...parts,
            protocol: is(protocol),
            target: jump("KUBE-MARK-MASQ"),
          }),
      );
    }
  }

  firewall(): void {
    const { filter } = this;
    this.#ifSet(
      "loadBalancerFirewall",
      "dst,dst",
      (parts) =>
        filter.append("KUBE-PROXY-FIREWALL", {
          ...parts,
          target: jump("KUBE-SOURCE-RANGES-FIREWALL"),
        }),
    );
    for (
      const set of ["loadBalancerSourceCidr", "loadBalancerSourceIp"] as const
    ) {
      this.#ifSet(
        set,
        "dst,dst,src",
        (parts) =>
          filter.append("KUBE-SOURCE-RANGES-FIREWALL", {
            ...parts,
            target: target("RETURN"),
          }),
      );
    }
    filter.append("KUBE-SOURCE-RANGES-FIREWALL", { target: target("DROP") });
    // What a node itself sends to a VIP has the VIP for its source too.
    for (const { ip, port, protocol } of this.#services.noNodeAccess) {
      filter.append("KUBE-IPVS-OUT-FILTER", {
        source: single(ip),
        matches: [
          match(
            "ipvs",
            option("vaddr", ip.text),
            option("vproto", protocol),
            option("vport", `${port}`),
          ),
        ],
        target: target("DROP"),
      });
    }
  }

  forwarding(): void {
    const { masqueradeMark } = this.#settings;
    this.filter
      .append("KUBE-FORWARD", {
        matches: [
          comment("kubernetes forwarding rules"),
          match("mark", option("mark", masked(masqueradeMark))),
        ],
        target: target("ACCEPT"),
      })
      .append("KUBE-FORWARD", {
        matches: [
          comment("kubernetes forwarding conntrack rule"),
          match("conntrack", option("ctstate", "RELATED,ESTABLISHED")),
        ],
        target: target("ACCEPT"),
      })
      .append("KUBE-NODE-PORT", {
        matches: [
          comment(COMMENTS.healthCheck!),
          this.#inSet("healthCheck", "dst"),
        ],
        target: target("ACCEPT"),
      });
  }

  /** VIPs are local, so without this every process that listens on all addresses would be reached by them. */
  accessFilter(): void {
    const { filter } = this;
    const passed = [
      ["loadBalancer", "dst,dst"],
      ["clusterIp", "dst,dst"],
      ["externalIp", "dst,dst"],
      ["externalIpLocal", "dst,dst"],
      ["healthCheck", "dst"],
    ] as const;
    for (const [set, directions] of passed) {
      filter.append("KUBE-IPVS-FILTER", {
        matches: [this.#inSet(set, directions)],
        target: target("RETURN"),
      });
    }
    const icmp = this.#settings.family === 4 ? "icmp" : "icmp6";
    filter.append("KUBE-IPVS-FILTER", {
      matches: [
        match("conntrack", option("ctstate", "NEW")),
        this.#inSet("ipvsIps", "dst"),
      ],
      target: target(
        "REJECT",
        option("reject-with", `${icmp}-port-unreachable`),
      ),
    });
  }

  masquerading(): void {
    const { nat } = this;
    this.#ifSet(
      "loopback",
      "dst,dst,src",
      (parts) =>
        nat.append("KUBE-POSTROUTING", {
          ...parts,
          target: target("MASQUERADE"),
        }),
    );
    masqueradeRules(nat, this.#settings);
  }

  /** A rule about a set that is empty is not written. */
  #ifSet(
    set: KubeSet,
    directions: string,
    write: (parts: RuleParts) => unknown,
  ): void {
    if (this.#services.sets.isEmpty(set)) return;
    const text = COMMENTS[set];
    const about = text === undefined ? [] : [comment(text)];
    write({ matches: [...about, this.#inSet(set, directions)] });
  }

  #inSet(set: KubeSet, directions: string) {
    const name = setName(set, this.#settings.family);
    return match("set", option("match-set", name, directions));
  }
}

function masked(mark: number): string {
  return `0x${mark.toString(16)}/0x${mark.toString(16)}`;
}
