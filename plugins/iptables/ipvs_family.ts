import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { RuleTable } from "../../core/import/iptables_rules.ts";
import type { Programmed } from "../../core/replay/sync.ts";
import { egressMasquerade } from "./egress_masquerade.ts";
import { ipvsTables } from "./ipvs_rules.ts";
import { type IpvsServices, ipvsServices } from "./ipvs_services.ts";
import { builtTables } from "./kube_proxy.ts";
import { ProgrammedParts, restoredRules } from "./programmed_parts.ts";
import { type ProxiedPort, proxiedPorts } from "./proxied_ports.ts";
import { type FamilyContext, settingsOf } from "./proxy_settings.ts";

/** Rules, sets and virtual servers of IPVS mode in one family, as a cluster has them at one moment. */
export class IpvsFamily {
  readonly #context: FamilyContext;
  readonly #ports: readonly ProxiedPort[];
  readonly #services = new Map<string, IpvsServices>();

  constructor(cluster: ClusterView, context: FamilyContext) {
    this.#context = context;
    this.#ports = proxiedPorts(cluster, context.family);
  }

  /** What a node has beside its rules: endpoints and addresses differ from node to node. */
  services(node: Node): IpvsServices {
    let services = this.#services.get(node.name);
    if (services === undefined) {
      services = ipvsServices(this.#ports, {
        node,
        settings: settingsOf(node, this.#context),
        scheduler: this.#context.options.ipvs.scheduler,
      });
      this.#services.set(node.name, services);
    }
    return services;
  }

  /** All tables of a node. */
  tables(node: Node): readonly RuleTable[] {
    const tables = this.#own(node);
    egressMasquerade(tables.nat, node, this.#context);
    return builtTables(tables);
  }

  /** Entries, servers and addresses are added and deleted one by one; the few rules are written with every sync. */
  programmed(node: Node): Programmed {
    const own = new ProgrammedParts();
    const { sets, servers, bound } = this.services(node);
    for (const port of this.#ports) own.port(port, {});
    for (const [set, entry] of sets.entries()) {
      own.entry(`${set} ${entry}`, { kind: "elements" });
    }
    for (const server of servers.values()) {
      const within = `server ${server.key}`;
      own.entry(within, { version: server.text, kind: "servers" });
      for (const index of server.servers.keys()) {
        own.entry(server.serverText(index), { kind: "servers", within });
      }
    }
    for (const { text } of bound) {
      own.entry(`address ${text}`, { kind: "addresses" });
    }
    return {
      writer: `IPv${this.#context.family}`,
      parts: own.parts,
      always: { rules: restoredRules(builtTables(this.#own(node))) },
    };
  }

  #own(node: Node) {
    return ipvsTables(this.services(node), {
      settings: settingsOf(node, this.#context),
      accessFilter: this.#context.options.ipvs.accessFilter,
    });
  }
}
