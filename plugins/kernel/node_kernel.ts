import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { linkName } from "../../core/replay/hook_context.ts";
import { type Backend, type HostLink, KernelHost } from "./kernel_host.ts";
import { type PreparedRules, prepareRules } from "./random_choices.ts";

/** Links of one node; a TUN device each. */
const MOST_LINKS = 1_000;

/** Rules and sets of one node, as its dumps have them. */
export interface NodeDump {
  readonly rules: string;
  readonly file: string;
  readonly sets: string;
}

const NO_RULES = prepareRules([]);

/**
 * The kernel that stands for one node. It lives as long as the replay: what
 * connection tracking knows outlasts a change of rules or pods, as it does on
 * a real node.
 */
export class NodeKernel {
  readonly host: KernelHost;
  rules: PreparedRules = NO_RULES;
  #dump: NodeDump = { rules: "", file: "rules", sets: "" };
  #links = new Map<string, string>();

  constructor(backend: Backend) {
    this.host = new KernelHost({
      backend,
      links: [],
      delivery: "probe",
      traced: true,
    });
  }

  /** Brings links and rules to where the cluster is now. */
  update(cluster: ClusterView, node: Node, dump: NodeDump): void {
    this.#updateLinks(nodeLinks(cluster, node));
    const { rules, file, sets } = dump;
    if (rules === this.#dump.rules && sets === this.#dump.sets) return;
    this.rules = prepareRules(parseIptablesSave(rules, { file }).v4);
    this.host.load(this.rules.text, sets);
    this.#dump = dump;
  }

  close(): void {
    this.host.close();
  }

  #updateLinks(links: readonly HostLink[]): void {
    const wanted = new Map(links.map((link) => [link.name, linkKey(link)]));
    const gone = [...this.#links].filter(([name, key]) =>
      wanted.get(name) !== key
    );
    const fresh = links.filter((link) =>
      this.#links.get(link.name) !== linkKey(link)
    );
    this.host.removeLinks(gone.map(([name]) => name));
    if (fresh.length > 0) this.host.addLinks(fresh);
    this.#links = wanted;
  }
}

/** `eth0` with the node's addresses and the way out, and a link for each pod, as the engine names it. */
function nodeLinks(cluster: ClusterView, node: Node): HostLink[] {
  const addresses = [...node.internalIps, ...node.externalIps]
    .filter((ip) => ip.family === 4)
    .map((ip) => `${ip.text}/32`);
  const pods = cluster.podsOn(node.name).filter((pod) => !pod.hostNetwork);
  if (pods.length >= MOST_LINKS) {
    throw new RangeError(
      `node ${node.name} has ${pods.length} pods: no more than ${MOST_LINKS} links are made`,
    );
  }
  return [
    { name: "eth0", addresses, routes: ["default"] },
    ...pods.map((pod) => ({
      name: linkName(pod),
      addresses: [],
      routes: pod.ips.filter((ip) => ip.family === 4)
        .map((ip) => `${ip.text}/32`),
    })),
  ];
}

function linkKey({ addresses, routes }: HostLink): string {
  return `${addresses.join(" ")}|${routes.join(" ")}`;
}
