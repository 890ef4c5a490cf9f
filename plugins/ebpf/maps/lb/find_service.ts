import type { Ip } from "../../../../core/packet/ip.ts";
import {
  BACKEND_KEY,
  LB4_BACKEND,
  LB4_KEY,
  LB4_REVERSE_NAT,
  LB6_BACKEND,
  LB6_KEY,
  LB6_REVERSE_NAT,
  LB_SERVICE,
  partsOfMaster,
  REVERSE_NAT_KEY,
} from "../lb_layouts.ts";
import { type LbAddress, protocolName, SCOPE } from "./lb_address.ts";
import { BACKEND_STATES, type LbMaps, serviceKey } from "./lb_maps.ts";
import { SERVICE_FLAG } from "./service_flags.ts";

/** A frontend as the datapath finds it. */
export interface FoundService {
  /** With the scope it was found in. */
  readonly address: LbAddress;
  /** The id of its reverse translation. */
  readonly id: number;
  /** Backends that take new connections: slots from 1 to this. */
  readonly count: number;
  /** Backends in the slots after those, which only connections that they have keep. */
  readonly terminating: number;
  readonly flags: number;
  readonly affinityTimeoutS: number;
  /** 0: whatever the node is set to. */
  readonly algorithm: number;
  /** Lookups of the services map that it took. */
  readonly lookups: number;
}

/** A backend as the datapath finds it. */
export interface FoundBackend {
  readonly id: number;
  readonly ip: Ip;
  readonly port: number;
  readonly state: typeof BACKEND_STATES[number];
}

/**
 * Looks a frontend up (bpf/lib/lb.h, lb4_lookup_service): in the external
 * scope first; from on the node, one with two scopes in the internal one.
 */
export function findService(
  maps: LbMaps,
  at: Omit<LbAddress, "scope">,
  { inside }: { readonly inside: boolean },
): FoundService | undefined {
  const outer = read(maps, { ...at, scope: SCOPE.external });
  const switches = outer !== undefined && inside &&
    (outer.flags & SERVICE_FLAG.twoScopes) !== 0;
  if (!switches) return outer;
  const inner = read(maps, { ...at, scope: SCOPE.internal });
  return inner === undefined ? undefined : { ...inner, lookups: 2 };
}

/** Every frontend of a family, in each of its scopes. */
export function frontendsIn(maps: LbMaps, family: 4 | 6): FoundService[] {
  const layout = family === 4 ? LB4_KEY : LB6_KEY;
  return [...maps[family].services.entries()].flatMap(({ key }) => {
    const { address, dport, proto, scope, backend_slot } = layout.decode(key);
    if (backend_slot !== 0) return [];
    return read(maps, {
      ip: address,
      port: dport,
      protocol: protocolName(proto),
      scope: scope === SCOPE.internal ? SCOPE.internal : SCOPE.external,
    }) ?? [];
  });
}

/** The backend in a slot of a frontend: one lookup of the services map and one of the backends. */
export function backendInSlot(
  maps: LbMaps,
  { address }: FoundService,
  slot: number,
): FoundBackend | undefined {
  const value = maps[address.ip.family].services.lookup(
    serviceKey(address, slot),
  );
  return value === undefined
    ? undefined
    : backendById(maps, address.ip.family, LB_SERVICE.decode(value).backend_id);
}

/** The backend of an id. */
export function backendById(
  maps: LbMaps,
  family: 4 | 6,
  id: number,
): FoundBackend | undefined {
  const value = maps[family].backends.lookup(BACKEND_KEY.encode({ id }));
  if (value === undefined) return undefined;
  const { address, port, flags } = (family === 4 ? LB4_BACKEND : LB6_BACKEND)
    .decode(value);
  return { id, ip: address, port, state: BACKEND_STATES[flags] ?? "active" };
}

/** The address and port that an id is translated back to. */
export function frontendOfId(
  maps: LbMaps,
  family: 4 | 6,
  id: number,
): { readonly ip: Ip; readonly port: number } | undefined {
  const value = maps[family].reverseNat.lookup(REVERSE_NAT_KEY.encode({ id }));
  if (value === undefined) return undefined;
  const { address, port } = (family === 4 ? LB4_REVERSE_NAT : LB6_REVERSE_NAT)
    .decode(value);
  return { ip: address, port };
}

/** The ids in a frontend's Maglev table; a packet's place is its hash modulo the table's size. */
export function maglevIds(
  maps: LbMaps,
  { address, id }: FoundService,
): Uint32Array | undefined {
  const inner = maps[address.ip.family].maglev.inner(
    REVERSE_NAT_KEY.encode({ id }),
  );
  const table = inner?.lookup(new Uint8Array(4));
  if (table === undefined) return undefined;
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  return Uint32Array.from(
    { length: table.length / 4 },
    (_, at) => view.getUint32(4 * at, true),
  );
}

function read(maps: LbMaps, address: LbAddress): FoundService | undefined {
  const value = maps[address.ip.family].services.lookup(serviceKey(address, 0));
  if (value === undefined) return undefined;
  const service = LB_SERVICE.decode(value);
  const { algorithm, affinityTimeoutS } = partsOfMaster(service.backend_id);
  return {
    address,
    id: service.rev_nat_index,
    count: service.count,
    terminating: service.qcount,
    flags: service.flags | service.flags2 << 8,
    affinityTimeoutS,
    algorithm,
    lookups: 1,
  };
}
