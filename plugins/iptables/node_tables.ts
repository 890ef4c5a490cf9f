import type { Node } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { GeneratedRules } from "./generated_rules.ts";
import type { IptablesOptions } from "./options.ts";
import type { HostTables } from "./rule_set.ts";

/** The rules that kube-proxy and the network plugin write on one node, in both families. */
export function nodeTables(
  cluster: ClusterView,
  node: Node,
  options: IptablesOptions,
): HostTables {
  const generated = new GeneratedRules(cluster, options);
  return {
    v4: generated.tables(node, 4),
    v6: generated.tables(node, 6),
  };
}
