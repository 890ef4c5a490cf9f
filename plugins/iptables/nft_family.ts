import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { Programmed } from "../../core/replay/sync.ts";
import { invariant } from "../../core/errors.ts";
import { nftBase } from "./nft_base.ts";
import { NftChain } from "./nft_chain.ts";
import { printNft } from "./nft_print.ts";
import { NftPort, NftRuleSet } from "./nft_rule_set.ts";
import { elementText } from "./nft_rule.ts";
import { nftServicePort } from "./nft_service.ts";
import { ProgrammedParts, ruleCount } from "./programmed_parts.ts";
import { PortRulesStore } from "./port_rules_store.ts";
import { type ProxiedPort, proxiedPorts } from "./proxied_ports.ts";
import {
  contextKey,
  type FamilyContext,
  settingsOf,
} from "./proxy_settings.ts";
import { StoreByOptions } from "./store_by_options.ts";

const STORES = new StoreByOptions<PortRulesStore<NftPort>>();

/** The table of nftables mode in one family, as a cluster has it at one moment. */
export class NftFamily {
  readonly #context: FamilyContext;
  readonly #store: PortRulesStore<NftPort>;
  readonly #ports: readonly ProxiedPort[];

  constructor(cluster: ClusterView, context: FamilyContext) {
    this.#context = context;
    this.#store = STORES.of(
      context.options,
      contextKey(context),
      () => storeOf(context),
    );
    this.#ports = proxiedPorts(cluster, context.family);
  }

  /** The node's table, ready to run. The addresses that serve node ports are each node's own. */
  ruleSet(node: Node): NftRuleSet {
    return new NftRuleSet(
      nftBase(node, settingsOf(node, this.#context)),
      this.#portsOf(node),
      this.#context.family,
    );
  }

  /** The node's table as text, a line for each thing that is added. */
  lines(node: Node): string[] {
    const { family } = this.#context;
    const base = nftBase(node, settingsOf(node, this.#context));
    return [
      ...printNft(base, { family, declarations: true }),
      ...this.#portsOf(node).flatMap(({ part }) =>
        printNft(part, { family, declarations: false })
      ),
    ];
  }

  /** Elements are added and deleted one by one; chains are written whole, and only those of what has changed. */
  programmed(node: Node): Programmed {
    const own = new ProgrammedParts();
    const base = nftBase(node, settingsOf(node, this.#context));
    const rules = [...base.chains.values()].flat();
    own.parts.set("base", {
      version: rules.map(({ text }) => text).join("\n"),
      written: { rules: rules.length },
    });
    const members = [...base.members];
    for (const [index, { part }] of this.#portsOf(node).entries()) {
      own.port(this.#ports[index]!, { rules: ruleCount(part.chains) });
      members.push(...part.members);
      // An element with another verdict is deleted and added (nftElementStorage).
      for (const element of part.elements) {
        own.entry(elementText(element), { kind: "elements" });
      }
    }
    for (const [set, ip] of members) {
      own.entry(`${set} ${ip}`, { kind: "elements" });
    }
    const writer = `IPv${this.#context.family}`;
    return { writer, parts: own.parts, always: {} };
  }

  #portsOf(node: Node): NftPort[] {
    return this.#ports.map((port) =>
      this.#store.rulesOf(port, { node, comments: true })
    );
  }
}

function storeOf(context: FamilyContext): PortRulesStore<NftPort> {
  const { family, options } = context;
  const common = new Map<string, NftChain>();
  const chain = (name: string, node: Node) => {
    let made = common.get(name);
    if (made !== undefined) return made;
    const base = nftBase(node, settingsOf(node, context));
    const rules = base.chains.get(name);
    invariant(rules !== undefined, `jump to missing chain ${name}`);
    made = new NftChain(name, rules, {
      family,
      chain: () => undefined,
      has: () => false,
      element: () => null,
      timeoutS: () => 0,
    });
    common.set(name, made);
    return made;
  };
  return new PortRulesStore({
    write: (proxied, { node }) =>
      new NftPort(
        nftServicePort(proxied, { node, settings: settingsOf(node, context) }),
        { family, common: (name) => chain(name, node) },
      ),
    sameSettings: options.detectLocalMode !== "NodeCIDR",
  });
}
