import { formatEndpoint } from "../../core/packet/walking_packet.ts";
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
  partsOfMaster,
  REVERSE_NAT_KEY,
  SOURCE_RANGE_STATIC_BITS,
} from "../../plugins/ebpf/maps/lb_layouts.ts";
import {
  BACKEND_STATES,
  type LbMaps,
} from "../../plugins/ebpf/maps/lb/lb_maps.ts";
import { flagWords } from "../../plugins/ebpf/maps/lb/service_flags.ts";

/** The maps as Cilium's own tests print them, from their bytes (pkg/loadbalancer/maps, DumpLBMaps). */
export function formatLbMaps(maps: LbMaps): string {
  const lines = [
    ...([4, 6] as const).flatMap((family) => [
      ...serviceLines(maps, family),
      ...backendLines(maps, family),
      ...reverseLines(maps, family),
      ...rangeLines(maps, family),
      ...maglevLines(maps, family),
    ]),
    ...[...maps.affinityMatch.entries()].map(({ key }) => {
      const { rev_nat_id, backend_id } = LB_AFFINITY_MATCH.decode(key);
      return `AFF: ID=${rev_nat_id} BEID=${backend_id}`;
    }),
  ].sort();
  return lines.map((line) => `${line}\n`).join("");
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  6: "TCP",
  17: "UDP",
  132: "SCTP",
};

function serviceLines(maps: LbMaps, family: 4 | 6): string[] {
  return [...maps[family].services.entries()].map(({ key, value }) => {
    const at = (family === 4 ? LB4_KEY : LB6_KEY).decode(key);
    const service = LB_SERVICE.decode(value);
    const master = partsOfMaster(service.backend_id);
    const algorithm = ["undef", "random", "maglev"][master.algorithm];
    const union = at.backend_slot > 0
      ? `BEID=${service.backend_id}`
      : `LBALG=${algorithm} AFFTimeout=${master.affinityTimeoutS}`;
    const where = `${formatEndpoint(at.address, at.dport)}/${
      PROTOCOLS[at.proto]
    }${at.scope === 1 ? "/i" : ""}`;
    const flags = flagWords(service.flags | service.flags2 << 8).join("+");
    return `SVC: ID=${service.rev_nat_index} ADDR=${where} ` +
      `SLOT=${at.backend_slot} ${union} COUNT=${service.count} ` +
      `QCOUNT=${service.qcount} FLAGS=${flags}`;
  });
}

function backendLines(maps: LbMaps, family: 4 | 6): string[] {
  return [...maps[family].backends.entries()].map(({ key, value }) => {
    const { id } = BACKEND_KEY.decode(key);
    const { address, port, proto, flags } =
      (family === 4 ? LB4_BACKEND : LB6_BACKEND).decode(value);
    return `BE: ID=${id} ADDR=${formatEndpoint(address, port)}/${
      PROTOCOLS[proto]
    } STATE=${BACKEND_STATES[flags]}`;
  });
}

function reverseLines(maps: LbMaps, family: 4 | 6): string[] {
  return [...maps[family].reverseNat.entries()].map(({ key, value }) => {
    const { id } = REVERSE_NAT_KEY.decode(key);
    const { address, port } = (family === 4 ? LB4_REVERSE_NAT : LB6_REVERSE_NAT)
      .decode(value);
    return `REV: ID=${id} ADDR=${formatEndpoint(address, port)}`;
  });
}

function rangeLines(maps: LbMaps, family: 4 | 6): string[] {
  return [...maps[family].sourceRanges.entries()].map(({ key }) => {
    const { lpm_key, rev_nat_id, addr } =
      (family === 4 ? LB4_SOURCE_RANGE_KEY : LB6_SOURCE_RANGE_KEY).decode(key);
    const length = lpm_key - SOURCE_RANGE_STATIC_BITS;
    return `SRCRANGE: ID=${rev_nat_id} CIDR=${addr.text}/${length}`;
  });
}

function maglevLines(maps: LbMaps, family: 4 | 6): string[] {
  return [...maps[family].maglev.innerEntries()].map(({ key, map }) => {
    const table = map.lookup(new Uint8Array(4))!;
    const view = new DataView(table.buffer, table.byteOffset, table.length);
    const counts = new Map<number, number>();
    for (let at = 0; at < table.length; at += 4) {
      const id = view.getUint32(at, true);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const members = [...counts]
      .sort(([a, countA], [b, countB]) => countB - countA || a - b)
      .map(([id, count]) => `${id}(${count})`);
    const { id } = REVERSE_NAT_KEY.decode(key);
    return `MAGLEV: ID=${id} INNER=[${members.join(", ")}]`;
  });
}
