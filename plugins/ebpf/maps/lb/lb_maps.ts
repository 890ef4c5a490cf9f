import { type Cidr, Ip } from "../../../../core/packet/ip.ts";
import { protocolNumber } from "../../../../core/policy/match_rule.ts";
import { ArrayMap } from "../array_map.ts";
import type { BpfMap, MapErrno } from "../bpf_map.ts";
import { newCiliumMap } from "../cilium_maps.ts";
import {
  BACKEND_KEY,
  LB4_BACKEND,
  LB4_KEY,
  LB4_REVERSE_NAT,
  LB4_SOURCE_RANGE_KEY,
  LB6_BACKEND,
  LB6_KEY,
  LB6_REVERSE_NAT,
  LB6_SOURCE_RANGE_KEY,
  LB_AFFINITY_MATCH,
  LB_SERVICE,
  REVERSE_NAT_KEY,
  SOURCE_RANGE_STATIC_BITS,
} from "../lb_layouts.ts";
import type { Values } from "../layout.ts";
import { MapOfMaps } from "../map_of_maps.ts";
import type { LbAddress } from "./lb_address.ts";

/** The maps of one family of addresses. */
export interface FamilyMaps {
  readonly services: BpfMap;
  readonly backends: BpfMap;
  readonly reverseNat: BpfMap;
  readonly sourceRanges: BpfMap;
  readonly maglev: MapOfMaps;
}

/** States a backend may be in, by the flags it has in its map (pkg/loadbalancer, BackendStateFlags). */
export const BACKEND_STATES = [
  "active",
  "terminating",
  "quarantined",
  "maintenance",
] as const;

/** What a service entry holds, but for the id of its reverse translation. */
export type ServiceEntry =
  & Omit<
    Values<typeof LB_SERVICE.fields>,
    "flags" | "flags2"
  >
  & {
    /** Both bytes of flags, `flags2` above. */
    readonly flags: number;
  };

/** One node's load-balancing maps, written and read in terms of addresses and ids. */
export class LbMaps {
  readonly 4: FamilyMaps;
  readonly 6: FamilyMaps;
  readonly affinityMatch: BpfMap;

  /** Empty maps, but for those given by name. */
  constructor(
    { maxEntries, given = new Map() }: {
      readonly maxEntries: number;
      readonly given?: ReadonlyMap<string, BpfMap>;
    },
  ) {
    const named = (name: string) =>
      given.get(name) ?? newCiliumMap(name, { maxEntries });
    const family = (number: 4 | 6): FamilyMaps => {
      const map = (name: string) => named(`cilium_lb${number}_${name}`);
      return {
        services: map("services_v2"),
        backends: map("backends_v3"),
        reverseNat: map("reverse_nat"),
        sourceRanges: map("source_range"),
        maglev: map("maglev") as MapOfMaps,
      };
    };
    this[4] = family(4);
    this[6] = family(6);
    this.affinityMatch = named("cilium_lb_affinity_match");
  }

  /** Every map, by its name. */
  get all(): readonly BpfMap[] {
    return [
      ...Object.values(this[4]),
      ...Object.values(this[6]),
      this.affinityMatch,
    ];
  }

  putService(
    at: LbAddress,
    slot: number,
    { flags, ...entry }: ServiceEntry,
  ): MapErrno | undefined {
    return this[at.ip.family].services.update(
      serviceKey(at, slot),
      LB_SERVICE.encode({ ...entry, flags: flags & 0xff, flags2: flags >> 8 }),
    );
  }

  deleteService(at: LbAddress, slot: number): void {
    this[at.ip.family].services.delete(serviceKey(at, slot));
  }

  putBackend(
    id: number,
    { ip, port, protocol }: LbAddress,
    { state, zone }: { readonly state: number; readonly zone: number },
  ): MapErrno | undefined {
    const rest = {
      port,
      proto: protocolNumber(protocol),
      flags: state,
      zone,
    };
    const value = ip.family === 4
      ? LB4_BACKEND.encode({ address: ip, ...rest })
      : LB6_BACKEND.encode({ address: ip, ...rest });
    return this[ip.family].backends.update(BACKEND_KEY.encode({ id }), value);
  }

  deleteBackend(family: 4 | 6, id: number): void {
    this[family].backends.delete(BACKEND_KEY.encode({ id }));
  }

  putReverseNat(
    id: number,
    { ip, port }: LbAddress,
  ): MapErrno | undefined {
    const value = ip.family === 4
      ? LB4_REVERSE_NAT.encode({ address: ip, port })
      : LB6_REVERSE_NAT.encode({ address: ip, port });
    const key = REVERSE_NAT_KEY.encode({ id });
    return this[ip.family].reverseNat.update(key, value);
  }

  deleteReverseNat(family: 4 | 6, id: number): void {
    this[family].reverseNat.delete(REVERSE_NAT_KEY.encode({ id }));
  }

  /** An outer entry and its inner array of one value: the table's ids, one after the other. */
  putMaglev(
    family: 4 | 6,
    id: number,
    table: Uint32Array,
  ): MapErrno | undefined {
    const value = new Uint8Array(4 * table.length);
    const view = new DataView(value.buffer);
    for (const [at, backend] of table.entries()) {
      view.setUint32(4 * at, backend, true);
    }
    const inner = new ArrayMap({
      name: `cilium_lb${family}_maglev_inner`,
      type: "array",
      keyBytes: 4,
      valueBytes: value.length,
      maxEntries: 1,
    });
    inner.update(new Uint8Array(4), value);
    const key = REVERSE_NAT_KEY.encode({ id });
    return this[family].maglev.install(key, inner);
  }

  deleteMaglev(family: 4 | 6, id: number): void {
    this[family].maglev.delete(REVERSE_NAT_KEY.encode({ id }));
  }

  putAffinityMatch(id: number, backend: number): MapErrno | undefined {
    return this.affinityMatch.update(
      LB_AFFINITY_MATCH.encode({ rev_nat_id: id, backend_id: backend }),
      new Uint8Array(1),
    );
  }

  deleteAffinityMatch(id: number, backend: number): void {
    this.affinityMatch.delete(
      LB_AFFINITY_MATCH.encode({ rev_nat_id: id, backend_id: backend }),
    );
  }

  putSourceRange(id: number, range: Cidr): MapErrno | undefined {
    return this[range.base.family].sourceRanges.update(
      sourceRangeKey(id, range.base, range.length),
      new Uint8Array(1),
    );
  }

  deleteSourceRange(id: number, range: Cidr): void {
    this[range.base.family].sourceRanges.delete(
      sourceRangeKey(id, range.base, range.length),
    );
  }

  /** Whether an address lies in a range of a service, as lb4_src_range_ok asks. */
  inSourceRange(id: number, ip: Ip): boolean {
    const bits = ip.family === 4 ? 32 : 128;
    const key = sourceRangeKey(id, ip, bits);
    return this[ip.family].sourceRanges.lookup(key) !== undefined;
  }
}

/** The key of a service's slot. */
export function serviceKey(
  { ip, port, protocol, scope }: LbAddress,
  slot: number,
): Uint8Array {
  const rest = {
    dport: port,
    backend_slot: slot,
    proto: protocolNumber(protocol),
    scope,
  };
  return ip.family === 4
    ? LB4_KEY.encode({ address: ip, ...rest })
    : LB6_KEY.encode({ address: ip, ...rest });
}

function sourceRangeKey(id: number, ip: Ip, length: number): Uint8Array {
  const head = { lpm_key: SOURCE_RANGE_STATIC_BITS + length, rev_nat_id: id };
  return ip.family === 4
    ? LB4_SOURCE_RANGE_KEY.encode({ ...head, addr: ip })
    : LB6_SOURCE_RANGE_KEY.encode({ ...head, addr: ip });
}
