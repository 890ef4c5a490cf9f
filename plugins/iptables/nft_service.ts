import type { Node, PortEndpoint } from "../../core/cluster/model.ts";
import { chainHash } from "./chain_name.ts";
import {
  chooseEndpoints,
  endpointText,
  trafficPolicies,
} from "./endpoint_choice.ts";
import type { KubeProxySettings } from "./kube_proxy_settings.ts";
import { headerName } from "./nft_base.ts";
import {
  type NftElement,
  type NftMapName,
  type NftPart,
  type NftRule,
  nftRule,
  type NftSetName,
} from "./nft_rule.ts";
import type { ProxiedPort } from "./proxied_ports.ts";
import { is, match, option, type RuleParts, single } from "./rule_builder.ts";

/** Names of chains and sets have at most 256 characters; the longest prefix is `endpoint-`. */
const LONGEST_BASE = 256 - "endpoint-".length;

const HASH_LENGTH = 8;

/** What nftables mode writes for one Service port (pkg/proxy/nftables/proxier.go, `syncProxyRules`). */
export function nftServicePort(
  proxied: ProxiedPort,
  context: { readonly node: Node; readonly settings: KubeProxySettings },
): NftPart {
  const writer = new ServicePortWriter(proxied, context);
  writer.write();
  return writer;
}

class ServicePortWriter implements NftPart {
  readonly chains = new Map<string, NftRule[]>();
  readonly elements: NftElement[] = [];
  readonly members: [NftSetName, string][] = [];
  readonly affinity = new Map<string, number>();
  readonly #proxied: ProxiedPort;
  readonly #node: Node;
  readonly #settings: KubeProxySettings;
  readonly #protocol: string;
  readonly #ip: string;
  readonly #name: string;

  constructor(
    proxied: ProxiedPort,
    { node, settings }: {
      readonly node: Node;
      readonly settings: KubeProxySettings;
    },
  ) {
    this.#proxied = proxied;
    this.#node = node;
    this.#settings = settings;
    this.#protocol = proxied.port.protocol.toLowerCase();
    this.#ip = headerName(settings.family);
    const { service, port } = proxied;
    this.#name = [
      service.namespace,
      service.name,
      this.#protocol,
      port.name ?? "",
    ].join("/");
  }

  write(): void {
    const { service, port, clusterIp, endpoints } = this.#proxied;
    const { family } = this.#settings;
    const own = { externalIps: [] as string[], balancerIps: [] as string[] };
    for (const ip of service.externalIps) {
      if (ip.family === family) own.externalIps.push(ip.text);
    }
    for (const { ip, mode } of service.loadBalancerIps) {
      if (mode === "VIP" && ip.family === family) own.balancerIps.push(ip.text);
    }
    const { externalIps, balancerIps } = own;
    const policies = trafficPolicies(
      service,
      port,
      externalIps.length + balancerIps.length,
    );
    const chosen = chooseEndpoints(endpoints, {
      service,
      node: this.#node,
      policies,
    });
    const { any } = chosen;
    const hasInternal = any &&
      (!policies.internalLocal || chosen.local.length > 0);
    const hasExternal = any &&
      (!policies.externalLocal || chosen.local.length > 0);
    const internal = this.#chain(policies.internalLocal ? "local" : "service");
    this.members.push(["cluster-ips", clusterIp.text]);
    this.#capture(clusterIp.text, {
      to: hasInternal ? internal : null,
      serves: hasInternal,
      any,
    });
    for (const ip of [...externalIps, ...balancerIps]) {
      this.#capture(ip, {
        to: any ? this.#chain("external") : null,
        serves: hasExternal,
        any,
      });
    }
    this.#captureNodePort(any, hasExternal);
    this.#firewall(balancerIps);
    if (hasInternal) this.#masqueradeInternal(internal);
    if (any && policies.externallyAccessible) {
      this.#external(policies.externalLocal, hasExternal);
    }
    this.#shareOut("service", chosen.cluster);
    this.#shareOut("local", chosen.local);
    for (const endpoint of chosen.reachable) this.#endpoint(endpoint);
  }

  #capture(
    address: string,
    { to, serves, any }: {
      readonly to: string | null;
      readonly serves: boolean;
      readonly any: boolean;
    },
  ): void {
    if (to !== null) {
      this.#element("service-ips", address, { kind: "goto", chain: to });
    }
    if (serves) return;
    this.#element("no-endpoint-services", address, {
      kind: any ? "drop" : "reject",
    });
  }

  #captureNodePort(any: boolean, serves: boolean): void {
    if (this.#proxied.port.nodePort === null) return;
    if (any) {
      const chain = this.#chain("external");
      this.#element("service-nodeports", null, { kind: "goto", chain });
    }
    if (serves) return;
    this.#element("no-endpoint-nodeports", null, {
      kind: any ? "drop" : "reject",
    });
  }

  #element(
    map: NftMapName,
    address: string | null,
    verdict: NftElement["verdict"],
  ): void {
    const { port, name, service } = this.#proxied;
    this.elements.push({
      map,
      address,
      protocol: this.#protocol,
      port: address === null ? port.nodePort! : port.port,
      verdict,
      comment: verdict.kind === "goto" ? null : name,
      at: service.source,
    });
  }

  /** Source ranges are asked before anything is translated. */
  #firewall(balancerIps: readonly string[]): void {
    const { family } = this.#settings;
    const ranges = this.#proxied.service.loadBalancerSourceRanges
      .filter(({ base }) => base.family === family);
    if (balancerIps.length === 0 || ranges.length === 0) return;
    const nodeIp = this.#node.internalIps.find((ip) => ip.family === family);
    const fromNode = nodeIp !== undefined &&
      ranges.some((range) => range.contains(nodeIp));
    const allowed = [
      ...ranges.map(({ text }) => text),
      ...(fromNode ? balancerIps : []),
    ];
    const chain = this.#chain("firewall");
    this.#rule(chain, `${this.#ip} saddr != { ${allowed.join(", ")} } drop`, {
      sourceOutside: allowed,
      action: { kind: "drop" },
    });
    for (const ip of balancerIps) {
      this.#element("firewall-ips", ip, { kind: "goto", chain });
    }
  }

  #masqueradeInternal(chain: string): void {
    const { clusterIp } = this.#proxied;
    const { masqueradeAll, localDetector } = this.#settings;
    if (!masqueradeAll && localDetector === null) return;
    const parts = masqueradeAll ? {} : localDetector!.ifNotLocal;
    this.#rule(
      chain,
      `${this.#ip} daddr ${clusterIp}${
        this.#text(parts)
      } jump mark-for-masquerade`,
      {
        header: { ...parts, destination: single(clusterIp) },
        action: { kind: "jump", chain: "mark-for-masquerade" },
      },
    );
  }

  #external(externalLocal: boolean, serves: boolean): void {
    const chain = this.#chain("external");
    const service = this.#chain("service");
    const mark = { kind: "jump", chain: "mark-for-masquerade" } as const;
    if (!externalLocal) {
      this.#rule(chain, "jump mark-for-masquerade", { action: mark });
    } else {
      const { localDetector } = this.#settings;
      const fromHost = {
        matches: [match("addrtype", option("src-type", "LOCAL"))],
      };
      if (localDetector !== null) {
        this.#rule(
          chain,
          `${
            this.#text(localDetector.ifLocal).trim()
          } goto ${service} comment "short-circuit pod traffic"`,
          {
            header: localDetector.ifLocal,
            action: { kind: "goto", chain: service },
          },
        );
      }
      this.#rule(
        chain,
        'fib saddr type local jump mark-for-masquerade comment "masquerade local traffic"',
        { header: fromHost, action: mark },
      );
      this.#rule(
        chain,
        `fib saddr type local goto ${service} comment "short-circuit local traffic"`,
        { header: fromHost, action: { kind: "goto", chain: service } },
      );
    }
    if (!serves) return;
    const to = this.#chain(externalLocal ? "local" : "service");
    this.#rule(chain, `goto ${to}`, { action: { kind: "goto", chain: to } });
  }

  #shareOut(
    kind: "service" | "local",
    endpoints: readonly PortEndpoint[],
  ): void {
    if (endpoints.length === 0) return;
    const chain = this.#chain(kind);
    const among = endpoints.map((endpoint) => ({
      chain: this.#endpointName("endpoint", endpoint),
      backend: endpointText(endpoint),
    }));
    const { affinityTimeoutS } = this.#proxied.service;
    if (affinityTimeoutS !== null) {
      for (const endpoint of endpoints) {
        const set = this.#endpointName("affinity", endpoint);
        const to = this.#endpointName("endpoint", endpoint);
        this.#rule(chain, `${this.#ip} saddr @${set} goto ${to}`, {
          sourceIn: set,
          action: { kind: "goto", chain: to },
        });
      }
    }
    const elements = among.map(({ chain }, index) =>
      `${index} : goto ${chain}`
    );
    this.#rule(
      chain,
      `numgen random mod ${among.length} vmap { ${elements.join(" , ")} }`,
      { action: { kind: "share", among } },
    );
  }

  #endpoint(endpoint: PortEndpoint): void {
    const { affinityTimeoutS } = this.#proxied.service;
    const chain = this.#endpointName("endpoint", endpoint);
    const to = endpointText(endpoint);
    this.#rule(
      chain,
      `${this.#ip} saddr ${endpoint.ip} jump mark-for-masquerade`,
      {
        header: { source: single(endpoint.ip) },
        action: { kind: "jump", chain: "mark-for-masquerade" },
      },
    );
    if (affinityTimeoutS !== null) {
      const set = this.#endpointName("affinity", endpoint);
      this.affinity.set(set, affinityTimeoutS);
      this.#rule(chain, `update @${set} { ${this.#ip} saddr }`, {
        action: { kind: "remember", set },
      });
    }
    this.#rule(chain, `meta l4proto ${this.#protocol} dnat to ${to}`, {
      header: { protocol: is(this.#protocol) },
      action: { kind: "dnat", to },
    });
  }

  #rule(
    chain: string,
    text: string,
    parts: Partial<Omit<NftRule, "text">>,
  ): void {
    const rule = nftRule(text, { ...parts, at: this.#proxied.service.source });
    const rules = this.chains.get(chain);
    if (rules === undefined) this.chains.set(chain, [rule]);
    else rules.push(rule);
  }

  #chain(kind: "service" | "local" | "external" | "firewall"): string {
    return `${kind}-${hashed(this.#name)}`;
  }

  #endpointName(
    kind: "endpoint" | "affinity",
    { ip, port }: PortEndpoint,
  ): string {
    // A colon cannot stand in a name.
    const address = ip.text.replaceAll(":", ".");
    return `${kind}-${hashed(`${this.#name}__${address}/${port}`)}`;
  }

  /** How the cluster's own pods are told, in the words of nftables. */
  #text({ source, inInterface }: RuleParts): string {
    if (source) {
      return ` ${this.#ip} saddr ${source.negated ? "!= " : ""}${source.value}`;
    }
    if (!inInterface) return "";
    const { value, negated } = inInterface;
    return ` iifname ${negated ? "!= " : ""}"${value.replace(/\+$/, "*")}"`;
  }
}

/** `servicePortChainNameBase`, `hashAndTruncate`. */
function hashed(name: string): string {
  const whole = `${chainHash(name).slice(0, HASH_LENGTH)}-${name}`;
  return whole.length > LONGEST_BASE
    ? `${whole.slice(0, LONGEST_BASE - 3)}...`
    : whole;
}
