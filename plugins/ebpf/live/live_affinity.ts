import { formatEndpoint } from "../../../core/packet/walking_packet.ts";
import type { NodeMaps } from "../dumps/loaded_dumps.ts";
import {
  LB4_AFFINITY_KEY,
  LB6_AFFINITY_KEY,
  LB_AFFINITY_VALUE,
} from "../maps/conntrack_layouts.ts";
import { addressOf } from "../maps/layout.ts";
import { backendById, frontendsIn } from "../maps/lb/find_service.ts";
import { addressText } from "../maps/lb/lb_address.ts";
import { type Affinity, affinityKey } from "../pick_backend.ts";

/** An entry as the model keeps it, with its age in ns when the map was dumped. */
export interface KeptAffinity {
  readonly key: string;
  readonly backend: Affinity["backend"];
  readonly ageNs: number;
}

const SECOND_NS = 1_000_000_000;

/**
 * Clients by address whom a node's dumped maps keep at a backend. Those that
 * sockets are told apart by, cookies of network namespaces, are of no use to a
 * replay. Ages count from the latest use in the map, as a dump has no clock.
 */
export function keptAffinities(
  { maps, services }: Pick<NodeMaps, "maps" | "services">,
): KeptAffinity[] {
  if (services === null) return [];
  return ([4, 6] as const).flatMap((family) => {
    const map = maps.get(`cilium_lb${family}_affinity`);
    if (map === undefined) return [];
    const frontends = new Map(
      frontendsIn(services, family).map(({ id, address }) => [id, address]),
    );
    const layout = family === 4 ? LB4_AFFINITY_KEY : LB6_AFFINITY_KEY;
    const entries = [...map.entries()].map(({ key, value }) => ({
      key: layout.decode(key),
      client: addressOf(clientBytes(key, family), family),
      value: LB_AFFINITY_VALUE.decode(value),
    }));
    const latest = entries.reduce(
      (most, { value }) => value.last_used > most ? value.last_used : most,
      0n,
    );
    return entries.flatMap(({ key, client, value }): KeptAffinity[] => {
      const frontend = frontends.get(key.rev_nat_id);
      const backend = backendById(services, family, value.backend_id);
      if (
        key.netns_cookie === 1 || frontend === undefined ||
        backend === undefined
      ) return [];
      return [{
        key: affinityKey({ key: addressText(frontend) }, client.text),
        backend: formatEndpoint(backend.ip, backend.port),
        ageNs: Number(latest - value.last_used) * SECOND_NS,
      }];
    });
  });
}

/** A key begins with the client's address. */
function clientBytes(key: Uint8Array, family: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(key.subarray(0, family === 4 ? 4 : 16));
  return bytes;
}
