import type { KubeObject } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import type { Ip } from "../../core/packet/ip.ts";
import type { Holder } from "../../core/policy/party_table.ts";
import type { Overlay } from "../../core/replay/plugin.ts";
import { type Arrivals, IdentityWindow } from "./arrivals.ts";
import { type CompiledPolicies, PolicyCompiler } from "./compile_policies.ts";
import type { Compiled } from "./datapath.ts";
import { type Answers, DnsNames } from "./dns_names.ts";
import { LiveNodes, type TimedDump } from "./live/live_nodes.ts";
import { MaglevTables } from "./maglev_pick.ts";
import {
  hostDevice,
  type NodeAddresses,
  nodeAddresses,
} from "./node_addresses.ts";
import type { Settings } from "./options.ts";
import { PolicyMapRoom } from "./policy_map_room.ts";
import { ServiceMap } from "./service_map.ts";

/** Makes of a cluster and its policies what the datapath needs, again after every change. */
export class Compiler {
  readonly #cluster: ClusterView;
  readonly #settings: Settings;
  readonly #warnings: readonly string[];
  readonly #policies: PolicyCompiler;
  readonly #services: ServiceMap;
  readonly #maglev: MaglevTables | null;

  constructor(
    { cluster, settings, warnings }: {
      readonly cluster: ClusterView;
      readonly settings: Settings;
      /** What of the configuration is not modelled. */
      readonly warnings: readonly string[];
    },
  ) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#warnings = warnings;
    this.#policies = new PolicyCompiler({ cluster, settings });
    this.#services = new ServiceMap(cluster, settings);
    this.#maglev = settings.maglev === null
      ? null
      : new MaglevTables(settings.maglev);
  }

  compile(
    objects: readonly KubeObject[],
    { answers, arrivals, dumps, agentObjects }: {
      readonly answers: Answers;
      readonly arrivals: Arrivals | null;
      readonly dumps: readonly TimedDump[];
      /** What agents have written of identities and endpoints. */
      readonly agentObjects: Iterable<KubeObject>;
    },
  ): Compiled {
    const settings = this.#settings;
    const cluster = this.#cluster;
    const policies = this.#policies.compile(objects, answers);
    this.#services.refresh(objects);
    const addresses = new Map<string, NodeAddresses>();
    const overlays = new Map<string, Overlay>();
    for (const [name, node] of cluster.nodes) {
      const own = nodeAddresses(node, cluster, settings);
      addresses.set(name, own);
      if (settings.tunnel !== null) overlays.set(name, hostDevice(own));
    }
    const live = new LiveNodes({
      dumps,
      objects: agentObjects,
      cluster,
      settings,
      policies,
      services: this.#services,
    });
    return {
      warnings: [
        ...this.#warnings,
        ...policies.warnings,
        ...this.#services.warnings,
        ...live.warnings(),
      ],
      live,
      room: new PolicyMapRoom({ index: policies.index, cluster, settings }),
      settings,
      cluster,
      policies,
      overlays,
      hostDevices: hostDevicesOf(overlays, { cluster, policies }),
      nodeAddresses: addresses,
      roles: rolesOf(addresses, policies),
      services: this.#services,
      maglev: this.#maglev,
      window: arrivals &&
        new IdentityWindow(arrivals, settings.identityDelayNs),
      names: new DnsNames(answers, { ...settings.dns, wanted: policies.names }),
      identities: [],
      inspects: policies.index.policies.some(({ rules }) =>
        rules.some(({ l7 }) => l7 !== null)
      ),
    };
  }
}

/** Who has an address of `cilium_host`: the node. */
function hostDevicesOf(
  overlays: ReadonlyMap<string, Overlay>,
  { cluster, policies }: Pick<Compiled, "cluster" | "policies">,
): Map<string, Holder> {
  const holders = new Map<string, Holder>();
  for (const [name, { addresses }] of overlays) {
    const node = cluster.nodes.get(name)!;
    const [own] = [...node.internalIps, ...node.externalIps];
    if (own === undefined) continue;
    const holder = policies.index.holderOf(own);
    for (const ip of addresses) holders.set(ip.text, holder);
  }
  return holders;
}

/** Who has an address of the agents' own that is no node's. */
function rolesOf(
  addresses: ReadonlyMap<string, NodeAddresses>,
  { index }: CompiledPolicies,
): Map<string, Holder> {
  const holders = new Map<string, Holder>();
  for (const { health, ingress } of addresses.values()) {
    const add = (ips: readonly Ip[], role: string) => {
      const holder: Holder = { kind: "role", party: index.role(role) };
      for (const ip of ips) holders.set(ip.text, holder);
    };
    add(health, "health");
    add(ingress, "ingress");
  }
  return holders;
}
