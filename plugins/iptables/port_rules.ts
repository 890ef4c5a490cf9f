import type { Node } from "../../core/cluster/model.ts";
import type { ChainRule, RuleChain } from "../../core/import/iptables_rules.ts";
import { CompiledChain } from "./compiled_chain.ts";
import { modelledInterfaces } from "./host.ts";
import { NO_SETS } from "./ip_sets.ts";
import type { KubeProxySettings } from "./kube_proxy_settings.ts";
import type { ProxiedPort } from "./proxied_ports.ts";
import { ruleChain, RuleGatherer } from "./rule_builder.ts";
import { ServicePortRules } from "./service_port_rules.ts";

/** Chains of nat that the rules of all Services share. */
const COMMON = new Set(["KUBE-SERVICES", "KUBE-NODEPORTS"]);

/** What a generated rule set has outside of the chains of one Service port. */
export interface CommonChains {
  readonly markMasquerade: CompiledChain;
}

/** The rules of one Service port: those in common chains, and the chains of its own. */
export class PortRules {
  readonly filter = new RuleGatherer();
  readonly nat = new RuleGatherer();
  /** Chains of nat that nothing but this port writes. */
  readonly own: ReadonlyMap<string, RuleChain>;
  readonly #compiled = new Map<string, CompiledChain>();
  readonly #common: CommonChains;
  readonly #family: 4 | 6;

  constructor(proxied: ProxiedPort, context: {
    readonly node: Node;
    readonly settings: KubeProxySettings;
    readonly comments: boolean;
    readonly common: CommonChains;
  }) {
    const { filter, nat } = this;
    this.#common = context.common;
    this.#family = context.settings.family;
    new ServicePortRules(proxied, { ...context, filter, nat }).write();
    this.own = new Map(
      [...nat.chains].filter(([name]) => !COMMON.has(name))
        .map(([name, rules]) => [name, ruleChain(name, rules)]),
    );
  }

  /** The rules of its own chains. */
  get ownRules(): ReadonlyMap<string, readonly ChainRule[]> {
    return new Map([...this.own].map(([name, { rules }]) => [name, rules]));
  }

  /** One of its own chains, ready to run on any host. */
  compiled(name: string): CompiledChain | undefined {
    let chain = this.#compiled.get(name);
    if (chain !== undefined) return chain;
    const source = this.own.get(name);
    if (source === undefined) return undefined;
    chain = new CompiledChain("nat", source, {
      family: this.#family,
      interfaces: modelledInterfaces,
      sets: NO_SETS,
      chain: (to) => this.compiled(to) ?? this.#common.markMasquerade,
    });
    this.#compiled.set(name, chain);
    return chain;
  }
}
