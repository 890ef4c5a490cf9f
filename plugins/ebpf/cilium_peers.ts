import { type Service } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import {
  type Selector,
  selectorOfLabels,
} from "../../core/cluster/selector.ts";
import { Cidr } from "../../core/packet/ip.ts";
import { blockMatch, type PeerMatch } from "../../core/policy/party.ts";
import type {
  Mapping,
  Path,
  SpecReader,
} from "../../core/policy/spec_reader.ts";
import type { RuleContext } from "./cilium_rule.ts";
import { exactName, namePattern } from "./dns_name.ts";
import { ENTITIES, entityHas } from "./entities.ts";
import { readEndpointSelector, readNodePeer } from "./selector.ts";

/** Whom a rule speaks of. */
export interface ReadPeers {
  /** Null: anyone. */
  readonly peers: readonly PeerMatch[] | null;
  /** Why the agent refuses the rule; null when it does not. */
  readonly refused: string | null;
  readonly unmodelled: string | null;
  /** Peers that it narrows other rules to. */
  readonly requires: readonly PeerMatch[];
  /** It is narrowed by such rules. */
  readonly constrained: boolean;
}

/** First release without fromRequires and toRequires (Documentation/operations/upgrade.rst, 1.19). */
const REQUIRES_UNTIL = 19;

const COMMON = ["toPorts", "icmps", "authentication"];

type PeerReader = (
  reader: SpecReader,
  value: unknown,
  context: RuleContext,
) => PeerMatch[];

const FIELDS: Readonly<Record<string, PeerReader>> = {
  Endpoints: readEndpoints,
  Entities: readEntities,
  CIDR: readCidrs,
  CIDRSet: readCidrSet,
  Services: readServices,
  FQDNs: readFqdns,
  Nodes: readNodes,
};

/** Reads the `from…` or `to…` fields of a rule; at most one of them may be used. */
export function readCiliumPeers(
  reader: SpecReader,
  fields: Mapping,
  context: RuleContext,
): ReadPeers {
  const side = context.direction === "ingress" ? "from" : "to";
  const used = Object.keys(fields).filter((key) =>
    !COMMON.includes(key) && fields[key] !== undefined && fields[key] !== null
  );
  const nothing = {
    peers: [],
    refused: null,
    unmodelled: null,
    requires: [],
    constrained: false,
  };
  const required = `${side}Requires`;
  if (used.includes(required)) {
    if (context.settings.minor >= REQUIRES_UNTIL) {
      const refused = `${required} is no longer there`;
      return { ...nothing, refused };
    }
    const { [required]: selectors, ...rest } = fields;
    const requires = readEndpoints(reader, selectors, {
      ...context,
      path: [...context.path, required],
    });
    return { ...readCiliumPeers(reader, rest, context), requires };
  }
  if (used.length === 0) {
    // An entry that names neither peers nor ports selects nobody: the usual
    // way to write a default deny. With ports it means anyone.
    const bare = fields["toPorts"] === undefined &&
      fields["icmps"] === undefined;
    return bare ? nothing : { ...nothing, peers: null };
  }
  // CIDR and CIDRSet may stand together, the others not (rule_validation.go).
  const kinds = new Set(
    used.map((key) => key.endsWith("CIDRSet") ? `${side}CIDR` : key),
  );
  if (kinds.size > 1) {
    const refused = `${[...kinds].join(" and ")} cannot stand together`;
    return { ...nothing, refused };
  }
  if (used.includes(`${side}Nodes`) && !context.settings.nodeLabels) {
    return { ...nothing, refused: `${side}Nodes needs nodeSelectorLabels` };
  }
  const peers: PeerMatch[] = [];
  for (const key of used) {
    const read = key.startsWith(side) ? FIELDS[key.slice(side.length)] : null;
    if (read === undefined || read === null) {
      const unmodelled = `${key} is not modelled`;
      return { ...nothing, peers: null, unmodelled };
    }
    const path = [...context.path, key];
    peers.push(...read(reader, fields[key], { ...context, path }));
  }
  const constrained = used.includes(`${side}Endpoints`);
  return { ...nothing, peers, constrained };
}

function readEndpoints(
  reader: SpecReader,
  value: unknown,
  context: RuleContext,
): PeerMatch[] {
  return reader.list(value, context.path).map((one, at) =>
    readEndpointSelector(reader, one, {
      ...context,
      path: [...context.path, at],
      subject: false,
    })
  );
}

function readEntities(
  reader: SpecReader,
  value: unknown,
  { path, endpoints }: RuleContext,
): PeerMatch[] {
  return reader.list(value, path).flatMap((one, at) => {
    const entity = reader.word(one, [...path, at], ENTITIES);
    if (entity === undefined) return [];
    return [{
      matches: (party) => entityHas(entity, party, endpoints),
    }];
  });
}

function readCidrs(
  reader: SpecReader,
  value: unknown,
  { path, prefixes }: RuleContext,
): PeerMatch[] {
  return reader.list(value, path).flatMap((one, at) => {
    const cidr = reader.cidr(one, [...path, at]);
    if (cidr === undefined) return [];
    prefixes.push(cidr);
    return [blockMatch({ cidr, except: [] })];
  });
}

function readCidrSet(
  reader: SpecReader,
  value: unknown,
  { path, prefixes, cidrGroups, notes }: RuleContext,
): PeerMatch[] {
  return reader.list(value, path).flatMap((one, at) => {
    const below = [...path, at];
    const fields = reader.mapping(one, below, [
      "cidr",
      "except",
      "cidrGroupRef",
      "cidrGroupSelector",
    ]) ?? {};
    const except = reader.list(fields["except"], [...below, "except"])
      .flatMap((hole, index) =>
        reader.cidr(hole, [...below, "except", index]) ?? []
      );
    prefixes.push(...except);
    const { cidrGroupRef: name, cidrGroupSelector: wanted } = fields;
    if (name !== undefined || wanted !== undefined) notes.volatile = true;
    const blocks = typeof name === "string"
      ? cidrGroups.get(name)?.prefixes ?? []
      : wanted !== undefined
      ? groupsOf(
        reader.selector(wanted, [...below, "cidrGroupSelector"]),
        cidrGroups,
      )
      : [reader.cidr(fields["cidr"], [...below, "cidr"])].filter((cidr) =>
        cidr !== undefined
      );
    prefixes.push(...blocks);
    return blocks.map((cidr) => blockMatch({ cidr, except }));
  });
}

/** Prefixes of every group whose labels are wanted (pkg/policy/api/cidr.go, CIDRGroupSelector). */
function groupsOf(
  selector: Selector,
  groups: RuleContext["cidrGroups"],
): Cidr[] {
  return [...groups.values()].filter(({ labels }) => selector.matches(labels))
    .flatMap(({ prefixes }) => prefixes);
}

/** Nodes by their labels, the pod's own and others (pkg/policy/api/ingress.go, FromNodes). */
function readNodes(
  reader: SpecReader,
  value: unknown,
  { path }: RuleContext,
): PeerMatch[] {
  return reader.list(value, path).map((one, at) =>
    readNodePeer(reader, one, [...path, at])
  );
}

/** A Service with a selector means its pods, one without the addresses of its endpoints (layer3.rst, Services based). */
function readServices(
  reader: SpecReader,
  value: unknown,
  context: RuleContext,
): PeerMatch[] {
  const { path, cluster, prefixes, notes } = context;
  notes.volatile = true;
  return reader.list(value, path).flatMap((one, at) => {
    const below = [...path, at];
    const fields = reader.mapping(one, below, [
      "k8sService",
      "k8sServiceSelector",
    ]) ?? {};
    return servicesNamed(reader, fields, { ...context, path: below })
      .flatMap((service) => serviceMatch(service, { cluster, prefixes }));
  });
}

function servicesNamed(
  reader: SpecReader,
  fields: Mapping,
  { path, cluster, namespace }: RuleContext,
): Service[] {
  const byName = reader.mapping(fields["k8sService"], [...path, "k8sService"]);
  const bySelector = reader.mapping(fields["k8sServiceSelector"], [
    ...path,
    "k8sServiceSelector",
  ]);
  const home = namespace ?? undefined;
  const wanted = byName?.["namespace"] ?? bySelector?.["namespace"] ?? home;
  const selector = bySelector === undefined ? null : reader.selector(
    bySelector["selector"],
    [...path, "k8sServiceSelector", "selector"],
  );
  return [...cluster.services.values()].filter((service) =>
    (wanted === undefined || service.namespace === wanted) &&
    (selector === null
      ? service.name === byName?.["serviceName"]
      : selector.matches(service.labels))
  );
}

function serviceMatch(
  service: Service,
  { cluster, prefixes }: {
    readonly cluster: ClusterView;
    readonly prefixes: Cidr[];
  },
): PeerMatch[] {
  if (service.selector !== null) {
    const pods = selectorOfLabels(service.selector);
    return [{
      matches: (party) =>
        party.kind === "pod" && party.namespace === service.namespace &&
        pods.matches(party.labels),
    }];
  }
  const blocks = service.ports.flatMap((port) =>
    ([4, 6] as const).flatMap((family) =>
      cluster.endpointsOf(service, port, family).map(({ ip }) =>
        new Cidr(ip, family === 4 ? 32 : 128)
      )
    )
  );
  prefixes.push(...blocks);
  return blocks.map((cidr) => blockMatch({ cidr, except: [] }));
}

/**
 * Someone outside whose address was given as an answer for the name. Where the
 * tape has no answer for any name that the rule means, it may be anyone.
 */
function readFqdns(
  reader: SpecReader,
  value: unknown,
  { path, answers, notes }: RuleContext,
): PeerMatch[] {
  return reader.list(value, path).flatMap((one, at): PeerMatch[] => {
    const below: Path = [...path, at];
    const fields = reader.mapping(one, below, ["matchName", "matchPattern"]) ??
      {};
    const { matchName, matchPattern } = fields;
    const match = typeof matchName === "string"
      ? exactName(matchName)
      : typeof matchPattern === "string"
      ? namePattern(matchPattern)
      : undefined;
    if (match === undefined) {
      reader.problem(below, {
        reason: `${path.at(-1)}[${at}] names nothing`,
        expected: "matchName or matchPattern",
      });
      return [];
    }
    notes.names.push(match);
    notes.volatile = true;
    const known = Object.keys(answers).some(match);
    return [{
      matches: (party) =>
        party.kind === "outside" &&
        (party.names.some(match) || (known ? false : "unknown")),
    }];
  });
}
