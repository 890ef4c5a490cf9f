import { type Service } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { selectorOfLabels } from "../../core/cluster/selector.ts";
import { Cidr } from "../../core/packet/ip.ts";
import { blockMatch, type PeerMatch } from "../../core/policy/party.ts";
import type {
  Mapping,
  Path,
  SpecReader,
} from "../../core/policy/spec_reader.ts";
import type { RuleContext } from "./cilium_rule.ts";
import { ENTITIES, entityHas } from "./entities.ts";
import { readEndpointSelector } from "./selector.ts";

/** Whom a rule speaks of. */
export interface ReadPeers {
  /** Null: anyone. */
  readonly peers: readonly PeerMatch[] | null;
  /** Why the agent refuses the rule; null when it does not. */
  readonly refused: string | null;
  readonly unmodelled: string | null;
}

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
  const nothing = { peers: [], refused: null, unmodelled: null };
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
  const peers: PeerMatch[] = [];
  for (const key of used) {
    const read = key.startsWith(side) ? FIELDS[key.slice(side.length)] : null;
    if (read === undefined || read === null) {
      const unmodelled = `${key} is not modelled`;
      return { peers: null, refused: null, unmodelled };
    }
    const path = [...context.path, key];
    peers.push(...read(reader, fields[key], { ...context, path }));
  }
  return { ...nothing, peers };
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
      matches: (party) => entityHas(entity, party, endpoints.reservedOf(party)),
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
  { path, prefixes, cidrGroups }: RuleContext,
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
    if (fields["cidrGroupSelector"] !== undefined) {
      return [{ matches: ({ kind }) => kind === "outside" && "unknown" }];
    }
    const group = fields["cidrGroupRef"];
    const blocks = typeof group === "string"
      ? cidrGroups.get(group) ?? []
      : [reader.cidr(fields["cidr"], [...below, "cidr"])].filter((cidr) =>
        cidr !== undefined
      );
    prefixes.push(...blocks);
    return blocks.map((cidr) => blockMatch({ cidr, except }));
  });
}

/** A Service with a selector means its pods, one without the addresses of its endpoints (layer3.rst, Services based). */
function readServices(
  reader: SpecReader,
  value: unknown,
  context: RuleContext,
): PeerMatch[] {
  const { path, cluster, prefixes } = context;
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
 * Addresses that a name has in the tape's records count as learnt from the
 * answer; any other address may have been another answer, so it is not known.
 */
function readFqdns(
  reader: SpecReader,
  value: unknown,
  { path, cluster, prefixes, namespace }: RuleContext,
): PeerMatch[] {
  return reader.list(value, path).flatMap((one, at): PeerMatch[] => {
    const below: Path = [...path, at];
    const fields = reader.mapping(one, below, ["matchName", "matchPattern"]) ??
      {};
    const name = fields["matchName"];
    const unsure: PeerMatch = {
      matches: ({ kind }) => kind === "outside" && "unknown",
    };
    if (typeof name !== "string") return [unsure];
    const answer = cluster.resolve(
      name.endsWith(".") ? name : `${name}.`,
      namespace ?? "default",
    );
    if (answer.kind !== "addresses") return [unsure];
    const blocks = answer.ips.map((ip) =>
      new Cidr(ip, ip.family === 4 ? 32 : 128)
    );
    prefixes.push(...blocks);
    return blocks.map((cidr) => blockMatch({ cidr, except: [] }));
  });
}
