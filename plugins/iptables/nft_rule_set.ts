import type { Chain } from "./chain.ts";
import { type CompiledRule, DOES } from "./compiled_rule.ts";
import { NftChain, verdictRule } from "./nft_chain.ts";
import {
  elementText,
  type NftElement,
  type NftMapName,
  type NftPart,
  type NftRule,
} from "./nft_rule.ts";
import { protocolNumber } from "../../core/import/iptables_save.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** What one Service port has in the table, its chains compiled when first asked for. */
export class NftPort {
  readonly part: NftPart;
  readonly #chains = new Map<string, NftChain>();
  readonly #family: 4 | 6;
  readonly #common: (name: string) => Chain | undefined;

  constructor(
    part: NftPart,
    { family, common }: {
      readonly family: 4 | 6;
      /** Chains that are no Service port's. */
      readonly common: (name: string) => Chain | undefined;
    },
  ) {
    this.part = part;
    this.#family = family;
    this.#common = common;
  }

  chain(name: string): NftChain | undefined {
    const compiled = this.#chains.get(name);
    if (compiled !== undefined) return compiled;
    const rules = this.part.chains.get(name);
    if (rules === undefined) return undefined;
    const chain = new NftChain(name, rules, {
      family: this.#family,
      chain: (to) => this.chain(to) ?? this.#common(to),
      has: () => false,
      element: () => null,
      timeoutS: (set) => this.part.affinity.get(set) ?? 0,
    });
    this.#chains.set(name, chain);
    return chain;
  }
}

/** One element of a map with what it leads to, made when first found. */
interface Entry {
  readonly element: NftElement;
  readonly protocol: number;
  rule: CompiledRule | null;
}

/** The table of a node in one family, ready to run; nodes with the same rules share it. */
export class NftRuleSet {
  readonly #family: 4 | 6;
  readonly #chains = new Map<string, NftChain>();
  readonly #ports = new Map<string, NftPort>();
  readonly #entries = new Map<NftMapName, Map<number | string, Entry[]>>();
  readonly #sets = new Map<string, Set<string>>();

  constructor(base: NftPart, ports: readonly NftPort[], family: 4 | 6) {
    this.#family = family;
    for (const [name, rules] of base.chains) this.#declare(name, rules);
    this.#fill(base);
    for (const port of ports) {
      this.#fill(port.part);
      for (const name of port.part.chains.keys()) {
        // Nothing but the port's own chains goes on to those of its endpoints.
        if (!name.startsWith("endpoint-")) this.#ports.set(name, port);
      }
    }
  }

  chain(name: string): NftChain | undefined {
    return this.#chains.get(name) ?? this.#ports.get(name)?.chain(name);
  }

  #declare(name: string, rules: readonly NftRule[]): void {
    this.#chains.set(
      name,
      new NftChain(name, rules, {
        family: this.#family,
        chain: (to) => this.chain(to),
        has: (set, ip) => this.#sets.get(set)?.has(ip) === true,
        element: (map, packet) => this.#find(map, packet),
        timeoutS: () => 0,
      }),
    );
  }

  #fill({ elements, members }: NftPart): void {
    for (const [set, ip] of members) {
      const ips = this.#sets.get(set) ?? new Set();
      this.#sets.set(set, ips.add(ip));
    }
    for (const element of elements) {
      const { map, address, port, protocol } = element;
      let entries = this.#entries.get(map);
      if (entries === undefined) this.#entries.set(map, entries = new Map());
      const key = address ?? port;
      const entry = {
        element,
        protocol: protocolNumber(protocol) ?? -1,
        rule: null,
      };
      const list = entries.get(key);
      if (list === undefined) entries.set(key, [entry]);
      else list.push(entry);
    }
  }

  #find(map: NftMapName, packet: TrackedPacket): CompiledRule | null {
    const byPort = map === "service-nodeports" ||
      map === "no-endpoint-nodeports";
    const entries = this.#entries.get(map)?.get(
      byPort ? packet.destinationPort : packet.destination.text,
    );
    if (entries === undefined) return null;
    for (const entry of entries) {
      const { port } = entry.element;
      if (
        entry.protocol === packet.protocol && port === packet.destinationPort
      ) {
        return entry.rule ??= this.#verdict(entry.element);
      }
    }
    return null;
  }

  /** The element says more than the chain that rejects: it names the Service. */
  #verdict(element: NftElement): CompiledRule {
    const { verdict, at, map } = element;
    const goes = verdict.kind === "goto" ? verdict.chain : null;
    return verdictRule(
      new NftChain(map, [], NO_ENVIRONMENT),
      this.#family,
      {
        does: goes !== null
          ? DOES.goto
          : verdict.kind === "drop"
          ? DOES.drop
          : DOES.reject,
        to: goes === null ? null : this.chain(goes) ?? null,
        text: elementText(element),
        at,
      },
    );
  }
}

const NO_ENVIRONMENT = {
  family: 4,
  chain: () => undefined,
  has: () => false,
  element: () => null,
  timeoutS: () => 0,
} as const;
