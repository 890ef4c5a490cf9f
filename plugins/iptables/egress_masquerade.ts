import type { Node } from "../../core/cluster/model.ts";
import { Cidr } from "../../core/packet/ip.ts";
import type { FamilyContext } from "./proxy_settings.ts";
import {
  comment,
  is,
  isNot,
  jump,
  match,
  type RuleGatherer,
  target,
} from "./rule_builder.ts";

/** The chain of ip-masq-agent (kubernetes-sigs/ip-masq-agent). */
const AGENT_CHAIN = "IP-MASQ-AGENT";

/**
 * The network plugin's rule that gives what pods send out of the cluster the
 * node's address: `-s podCIDR ! -d clusterCIDR -j MASQUERADE`, or the chain of
 * ip-masq-agent when destinations are listed that keep the pod's address.
 */
export function egressMasquerade(
  nat: RuleGatherer,
  node: Node,
  { family, ranges: clusterCidrs, options }: FamilyContext,
): void {
  const ofFamily = ({ base }: Cidr) => base.family === family;
  const cluster = clusterCidrs.find(ofFamily);
  if (!(options.egressMasquerade ?? cluster !== undefined)) return;
  const kept = options.nonMasqueradeCIDRs?.map(Cidr.of).filter(ofFamily);
  if (kept !== undefined) {
    nat.append("POSTROUTING", {
      matches: [
        comment(
          "ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom IP-MASQ-AGENT chain",
        ),
        match("addrtype", {
          name: "dst-type",
          negated: true,
          values: ["LOCAL"],
        }),
      ],
      target: jump(AGENT_CHAIN),
    });
    for (const range of kept) {
      nat.append(AGENT_CHAIN, {
        destination: is(range.text),
        matches: [
          comment("ip-masq-agent: local traffic is not subject to MASQUERADE"),
        ],
        target: target("RETURN"),
      });
    }
    nat.append(AGENT_CHAIN, {
      matches: [
        comment(
          "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)",
        ),
      ],
      target: target("MASQUERADE"),
    });
    return;
  }
  const pods = node.podCidrs.filter(ofFamily);
  const sources = pods.length > 0
    ? pods
    : cluster === undefined
    ? []
    : [cluster];
  for (const source of sources) {
    nat.append("POSTROUTING", {
      source: is(source.text),
      ...(cluster === undefined ? {} : { destination: isNot(cluster.text) }),
      target: target("MASQUERADE"),
    });
  }
}
