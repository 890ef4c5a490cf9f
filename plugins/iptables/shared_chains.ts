import type {
  RuleTable,
  RuleTableName,
} from "../../core/import/iptables_rules.ts";
import { CompiledChain } from "./compiled_chain.ts";
import { modelledInterfaces } from "./host.ts";
import { NO_SETS } from "./ip_sets.ts";
import type { PortRules } from "./port_rules.ts";

/** Where chains of Service ports are found by name. */
export type PortChains = ReadonlyMap<string, PortRules>;

/** Generated chains, compiled once for all nodes that have the same. */
export class SharedChains {
  readonly #chains = new Map<RuleTableName, Map<string, CompiledChain>>();
  readonly #ports: readonly PortChains[];

  constructor(
    tables: readonly RuleTable[],
    { family, ports }: {
      readonly family: 4 | 6;
      readonly ports: readonly PortChains[];
    },
  ) {
    this.#ports = ports;
    for (const table of tables) {
      const chains = new Map<string, CompiledChain>();
      const environment = {
        family,
        interfaces: modelledInterfaces,
        sets: NO_SETS,
        chain: (name: string) => this.chain(table.name, name),
      };
      for (const chain of table.chains) {
        chains.set(
          chain.name,
          new CompiledChain(table.name, chain, environment),
        );
      }
      this.#chains.set(table.name, chains);
    }
  }

  chain(table: RuleTableName, name: string): CompiledChain | undefined {
    const chain = this.#chains.get(table)?.get(name);
    if (chain !== undefined || table !== "nat") return chain;
    for (const ports of this.#ports) {
      const found = ports.get(name)?.compiled(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** The rules of Service ports by the names of their own chains that others jump to. */
export function portChains(ports: readonly PortRules[]): PortChains {
  const byName = new Map<string, PortRules>();
  for (const port of ports) {
    for (const name of port.own.keys()) {
      // Nothing but the port's own chains jumps to those of its endpoints.
      if (!name.startsWith("KUBE-SEP-")) byName.set(name, port);
    }
  }
  return byName;
}
