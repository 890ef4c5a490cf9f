import type { Node } from "../../core/cluster/model.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { KubeProxySettings } from "./kube_proxy_settings.ts";
import {
  comment,
  is,
  isNot,
  jump,
  match,
  option,
  type RuleGatherer,
  type RuleParts,
  single,
  type TableBuilder,
  target,
} from "./rule_builder.ts";

const NODE_PORTS_COMMENT =
  "kubernetes service nodeports; NOTE: this must be the last rule in this chain";

/** Chains of filter, and the jumps to them. kube-proxy prepends its jumps one by one: this is the order that results. */
export function baseFilterRules(
  filter: TableBuilder,
  settings: KubeProxySettings,
): void {
  filter.declare(
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-FORWARD",
    "KUBE-NODEPORTS",
    "KUBE-PROXY-FIREWALL",
    "KUBE-SERVICES",
  );
  const isNew = match("conntrack", option("ctstate", "NEW"));
  const firewall = jumpTo("KUBE-PROXY-FIREWALL", [
    isNew,
    comment("kubernetes load balancer firewall"),
  ]);
  const services = jumpTo("KUBE-SERVICES", [
    isNew,
    comment("kubernetes service portals"),
  ]);
  const external = jumpTo("KUBE-EXTERNAL-SERVICES", [
    isNew,
    comment("kubernetes externally-visible service portals"),
  ]);
  if (guardsLoopback(settings)) {
    filter.append("INPUT", jumpTo("KUBE-FIREWALL", []));
    filter.append("OUTPUT", jumpTo("KUBE-FIREWALL", []));
    filter.append("KUBE-FIREWALL", {
      source: isNot("127.0.0.0/8"),
      destination: is("127.0.0.0/8"),
      matches: [
        comment("block incoming localnet connections"),
        match("conntrack", {
          name: "ctstate",
          negated: true,
          values: ["RELATED,ESTABLISHED,DNAT"],
        }),
      ],
      target: target("DROP"),
    });
  }
  filter
    .append("INPUT", firewall)
    .append(
      "INPUT",
      jumpTo("KUBE-NODEPORTS", [
        comment("kubernetes health check service ports"),
      ]),
    )
    .append("INPUT", external)
    .append("FORWARD", firewall)
    .append(
      "FORWARD",
      jumpTo("KUBE-FORWARD", [comment("kubernetes forwarding rules")]),
    )
    .append("FORWARD", services)
    .append("FORWARD", external)
    .append("OUTPUT", firewall)
    .append("OUTPUT", services);
  forwardRules(filter, settings);
}

/** A route to 127/8 is only opened for IPv4 node ports on localhost, and closed to others here. */
function guardsLoopback(
  { family, localhostNodePorts }: KubeProxySettings,
): boolean {
  return family === 4 && localhostNodePorts;
}

function forwardRules(
  filter: TableBuilder,
  { masqueradeMark }: KubeProxySettings,
): void {
  filter
    .append("KUBE-FORWARD", {
      matches: [match("conntrack", option("ctstate", "INVALID"))],
      target: target("DROP"),
    })
    .append("KUBE-FORWARD", {
      matches: [
        comment("kubernetes forwarding rules"),
        match("mark", option("mark", masked(masqueradeMark))),
      ],
      target: target("ACCEPT"),
    })
    .append("KUBE-FORWARD", {
      matches: [
        comment("kubernetes forwarding conntrack rule"),
        match("conntrack", option("ctstate", "RELATED,ESTABLISHED")),
      ],
      target: target("ACCEPT"),
    });
}

/** Chains of nat, the jumps to them, and the rule for node ports, which comes after all Services. */
export function baseNatRules(
  nat: TableBuilder,
  { node, settings }: {
    readonly node: Node;
    readonly settings: KubeProxySettings;
  },
): void {
  nat.declare(
    "KUBE-MARK-MASQ",
    "KUBE-NODEPORTS",
    "KUBE-POSTROUTING",
    "KUBE-SERVICES",
  );
  const services = jumpTo("KUBE-SERVICES", [
    comment("kubernetes service portals"),
  ]);
  nat.append("PREROUTING", services)
    .append("OUTPUT", services)
    .append(
      "POSTROUTING",
      jumpTo("KUBE-POSTROUTING", [comment("kubernetes postrouting rules")]),
    );
  for (const parts of nodePortRules(node, settings)) {
    nat.append("KUBE-SERVICES", {
      ...parts,
      matches: [comment(NODE_PORTS_COMMENT), ...(parts.matches ?? [])],
      target: jump("KUBE-NODEPORTS"),
    });
  }
  masqueradeRules(nat, settings);
}

/** The chain that marks packets for masquerading. */
export function markMasqueradeRules(
  nat: RuleGatherer,
  { masqueradeMark }: Pick<KubeProxySettings, "masqueradeMark">,
): void {
  nat.append("KUBE-MARK-MASQ", {
    target: target("MARK", option("set-xmark", masked(masqueradeMark))),
  });
}

/** The same, and what is done with packets that are marked. */
export function masqueradeRules(
  nat: RuleGatherer,
  { masqueradeMark, randomFully }: KubeProxySettings,
): void {
  markMasqueradeRules(nat, { masqueradeMark });
  nat
    .append("KUBE-POSTROUTING", {
      matches: [
        match("mark", {
          name: "mark",
          negated: true,
          values: [masked(masqueradeMark)],
        }),
      ],
      target: target("RETURN"),
    })
    .append("KUBE-POSTROUTING", {
      target: target(
        "MARK",
        option("set-xmark", `0x${masqueradeMark.toString(16)}/0x0`),
      ),
    })
    .append("KUBE-POSTROUTING", {
      matches: [comment("kubernetes service traffic requiring SNAT")],
      target: target(
        "MASQUERADE",
        ...(randomFully ? [option("random-fully")] : []),
      ),
    });
}

/** Which addresses serve node ports: all local ones, or those of the given ranges. */
function nodePortRules(
  node: Node,
  { family, localhostNodePorts, nodePortAddresses }: KubeProxySettings,
): readonly RuleParts[] {
  if (nodePortAddresses === null) {
    const local = match("addrtype", option("dst-type", "LOCAL"));
    if (family === 6) {
      return [{ destination: isNot("::1/128"), matches: [local] }];
    }
    return [
      localhostNodePorts
        ? { matches: [local] }
        : { destination: isNot("127.0.0.0/8"), matches: [local] },
    ];
  }
  const loopback = family === 4 && localhostNodePorts
    ? [Ip.of("127.0.0.1")]
    : [];
  return [...node.internalIps, ...node.externalIps, ...loopback]
    .filter((ip) =>
      ip.family === family &&
      nodePortAddresses.some((range) => range.contains(ip))
    )
    .map((ip) => ({ destination: single(ip) }));
}

function jumpTo(
  chain: string,
  matches: RuleParts["matches"] & object,
): RuleParts {
  return { matches, target: jump(chain) };
}

function masked(mark: number): string {
  return `0x${mark.toString(16)}/0x${mark.toString(16)}`;
}
