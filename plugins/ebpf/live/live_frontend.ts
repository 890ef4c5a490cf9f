import { Cidr } from "../../../core/packet/ip.ts";
import { formatEndpoint } from "../../../core/packet/walking_packet.ts";
import { compareText } from "../../../core/policy/compare_text.ts";
import type { WeightedBackend } from "../../../core/replay/outcome.ts";
import type { Rule } from "../../../core/source.ts";
import type { Backend, BackendSet } from "../backend_set.ts";
import type { NodeMaps } from "../dumps/loaded_dumps.ts";
import { placeOf } from "../dumps/entry_places.ts";
import type { Frontend, FrontendType, SourceRanges } from "../frontend.ts";
import { addressText } from "../maps/lb/lb_address.ts";
import {
  backendInSlot,
  findService,
  type FoundService,
  frontendsIn,
  maglevIds,
} from "../maps/lb/find_service.ts";
import { type LbMaps, serviceKey } from "../maps/lb/lb_maps.ts";
import {
  flagWords,
  SERVICE_FLAG,
  typeOfFlags,
} from "../maps/lb/service_flags.ts";
import {
  LB4_SOURCE_RANGE_KEY,
  LB6_SOURCE_RANGE_KEY,
  SOURCE_RANGE_STATIC_BITS,
} from "../maps/lb_layouts.ts";

/** Seconds of session affinity where neither a dump nor a Service says how many (the API's default). */
const AFFINITY_S = 10_800;

const SECOND_NS = 1_000_000_000;

/** What a slot leads to whose backend is not there. */
const LOST = "no such backend";

/** One frontend of a dumped map. */
export class LiveFrontend implements Frontend {
  readonly type: FrontendType;
  readonly rule: Rule;
  readonly key: string;
  readonly protocol: Frontend["protocol"];
  readonly affinityNs: number | null;
  readonly sourceRanges: SourceRanges | null;
  readonly unmodelled: string | null;
  /** It has two scopes, and no entry in the internal one. */
  readonly isHiddenInside: boolean;
  readonly forwarding: Frontend["forwarding"];
  readonly spares: Frontend["spares"];
  readonly #outer: FoundService;
  readonly #inner: FoundService;
  readonly #maps: LbMaps;
  readonly #sets = new Map<FoundService, BackendSet>();

  constructor(service: FoundService, { maps, dumped, computed }: {
    readonly maps: LbMaps;
    readonly dumped: NodeMaps["maps"];
    /** The same frontend as it would be computed. */
    readonly computed: Frontend | undefined;
  }) {
    const { address, flags, affinityTimeoutS, id } = service;
    this.#maps = maps;
    this.#outer = service;
    const inner = findService(maps, address, { inside: true });
    this.#inner = inner ?? service;
    this.isHiddenInside = inner === undefined;
    this.forwarding = (service.flags & SERVICE_FLAG.dsr) === 0 ? "snat" : "dsr";
    this.spares = computed?.spares ?? null;
    const { family } = address.ip;
    this.type = typeOf(flags);
    this.protocol = address.protocol;
    this.key = addressText(address);
    const map = maps[family].services;
    const source = placeOf(map, serviceKey(address, 0));
    this.rule = {
      name: `cilium_lb${family}_services_v2 ${addressText(address)}`,
      text: `id ${id}, ${service.count} backends, ${
        flagWords(flags).join(", ")
      }`,
      ...(source === undefined ? {} : { source }),
    };
    const sticky = (flags & SERVICE_FLAG.affinity) !== 0;
    this.affinityNs = !sticky
      ? null
      : affinityTimeoutS > 0
      ? affinityTimeoutS * SECOND_NS
      : computed?.affinityNs ?? AFFINITY_S * SECOND_NS;
    const ranged = (flags & SERVICE_FLAG.sourceRange) !== 0;
    const hasRanges = dumped.has(`cilium_lb${family}_source_range`);
    this.sourceRanges = !ranged
      ? null
      : hasRanges
      ? rangesOf(maps, service)
      : computed?.sourceRanges ?? null;
    this.unmodelled = ranged && this.sourceRanges === null
      ? `no dump has cilium_lb${family}_source_range`
      : unmodelledOf(service, dumped);
  }

  backends(_node: string, scope: "internal" | "external"): BackendSet {
    const service = scope === "external" ? this.#outer : this.#inner;
    let set = this.#sets.get(service);
    if (set === undefined) {
      this.#sets.set(service, set = setOf(this.#maps, service));
    }
    return set;
  }

  isLocal(scope: "internal" | "external"): boolean {
    const { flags } = scope === "external" ? this.#outer : this.#inner;
    return scope === "external"
      ? (flags & SERVICE_FLAG.externalLocal) !== 0
      : (flags & SERVICE_FLAG.internalLocal) !== 0;
  }
}

/** A routable frontend answers to the world, whatever else it is (lb4_svc_is_routable). */
function typeOf(flags: number): FrontendType {
  const type = typeOfFlags(flags);
  if (type !== "ClusterIP" && type !== "LocalRedirect") return type;
  return (flags & SERVICE_FLAG.routable) === 0 ? "ClusterIP" : "LoadBalancer";
}

function unmodelledOf(
  { flags, count, address }: FoundService,
  dumped: NodeMaps["maps"],
): string | null {
  const backends = `cilium_lb${address.ip.family}_backends_v3`;
  if (count > 0 && !dumped.has(backends)) return `no dump has ${backends}`;
  if ((flags & SERVICE_FLAG.l7LoadBalancer) !== 0) {
    return "a Service that Envoy balances is not modelled";
  }
  return (flags & SERVICE_FLAG.nat46x64) !== 0
    ? "NAT46x64 is not modelled"
    : null;
}

/**
 * Backends in slots, those that are there first. A slot that is missing, or
 * whose backend is, is drawn as any other and leads nowhere
 * (lb4_lookup_backend_slot, DROP_NO_SERVICE).
 */
function setOf(maps: LbMaps, service: FoundService): BackendSet {
  const found = new Map<string, Backend & { weight: number; id: number }>();
  let lost = 0;
  for (let slot = 1; slot <= service.count; slot++) {
    const backend = backendInSlot(maps, service, slot);
    if (backend === undefined) {
      lost++;
      continue;
    }
    const { ip, port, id } = backend;
    const text = formatEndpoint(ip, port);
    const known = found.get(text);
    if (known === undefined) found.set(text, { ip, port, id, weight: 1 });
    else known.weight++;
  }
  const sorted = [...found].sort(([a], [b]) => compareText(a, b));
  const weighted: WeightedBackend[] = sorted.map(([text, { weight }]) => ({
    backend: text,
    weight,
  }));
  if (lost > 0) weighted.push({ backend: LOST, weight: lost });
  const ids = maglevIds(maps, service);
  const indexes = new Map(sorted.map(([, { id }], at) => [id, at + 1]));
  return {
    backends: sorted.map(([, { ip, port }]) => ({ ip, port })),
    weighted,
    ...(ids === undefined
      ? {}
      : { table: ids.map((id) => indexes.get(id) ?? 0) }),
  };
}

/** What a node's `cilium_lb4_source_range` has of one service. */
function rangesOf(
  maps: LbMaps,
  { address, id, flags }: FoundService,
): SourceRanges {
  const { family } = address.ip;
  const layout = family === 4 ? LB4_SOURCE_RANGE_KEY : LB6_SOURCE_RANGE_KEY;
  const ranges = [...maps[family].sourceRanges.entries()].flatMap(({ key }) => {
    const { rev_nat_id, lpm_key, addr } = layout.decode(key);
    return rev_nat_id === id
      ? [new Cidr(addr, lpm_key - SOURCE_RANGE_STATIC_BITS)]
      : [];
  });
  return { ranges, deny: (flags & SERVICE_FLAG.sourceRangeDeny) !== 0 };
}

/** Frontends of whose slots some lead nowhere, in words. */
export function inconsistencies(maps: LbMaps, node: string): string[] {
  return ([4, 6] as const).flatMap((family) =>
    frontendsIn(maps, family).flatMap((service) => {
      const { weighted } = setOf(maps, service);
      const lost = weighted.find(({ backend }) => backend === LOST);
      return lost === undefined ? [] : [
        `${node}: cilium_lb${family}_services_v2 ${
          addressText(service.address)
        } has ${lost.weight} slots without a backend`,
      ];
    })
  );
}
