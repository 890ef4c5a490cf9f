import { Cidr, Ip } from "../../../core/packet/ip.ts";
import type { BpfMap } from "../maps/bpf_map.ts";
import { newCiliumMap } from "../maps/cilium_maps.ts";
import {
  FAMILY_NUMBER,
  IPCACHE_KEY,
  IPCACHE_STATIC_BITS,
  REMOTE_ENDPOINT_INFO,
} from "../maps/endpoint_layouts.ts";
import { addressBytes, addressOf } from "../maps/layout.ts";
import { DumpReader, type DumpSource } from "./dump_reader.ts";
import { notePlace } from "./entry_places.ts";

/** Flags by the words that the command line has for them (RemoteEndpointInfoFlags.String). */
const FLAGS = [
  ["skiptunnel", "flag_skip_tunnel"],
  ["hastunnel", "flag_has_tunnel_ep"],
  ["ipv6tunnel", "flag_ipv6_tunnel_ep"],
  ["remotecluster", "flag_remote_cluster"],
] as const;

const ENTRY =
  /^identity=(\d{1,10}) encryptkey=(\d{1,3}) tunnelendpoint=([0-9a-fA-F.:]{1,45}) flags=([a-z0-9,<>]{1,80})\s*$/;

const KEY = /^([0-9a-fA-F.:]{1,45}\/\d{1,3})(?:@(\d{1,5}))?$/;

/**
 * Reads `cilium-dbg bpf ipcache list -o json`: a prefix, with the number of
 * its cluster behind an `@` where there is one, and one text. Throws an
 * {@link InputError} with every problem.
 */
export function readIpcacheList(text: string, { file }: DumpSource): BpfMap {
  const reader = new DumpReader(text, { file, what: "an ipcache" });
  const entries = reader.entries();
  const map = newCiliumMap("cilium_ipcache_v2", {
    maxEntries: Math.max(1, entries.length),
  });
  for (const [key, value] of entries) {
    const bytes = { key: keyBytes(key), value: valueBytes(value) };
    if (bytes.key === undefined) {
      reader.fail(reader.root, key, {
        reason: `${JSON.stringify(key)} is no prefix`,
        expected: "a prefix such as 10.0.1.7/32 or 10.0.1.7/32@3",
      });
    } else if (bytes.value === undefined) {
      reader.fail(reader.root, key, {
        reason: `the entry of ${key} cannot be understood`,
        expected:
          '["identity=4711 encryptkey=0 tunnelendpoint=172.18.0.3 flags=hastunnel"]',
      });
    } else {
      map.update(bytes.key, bytes.value);
      notePlace(map, bytes.key, reader.placeOf(reader.root, key));
    }
  }
  reader.end();
  return map;
}

/** Writes an ipcache as the command line does. */
export function printIpcacheList(map: BpfMap): string {
  const lines = [...map.entries()].map(({ key, value }) => {
    const { lpm_key, cluster_id, family, ip6 } = IPCACHE_KEY.decode(key);
    const info = REMOTE_ENDPOINT_INFO.decode(value);
    const ip = addressOf(ip6, family === FAMILY_NUMBER[6] ? 6 : 4);
    const tunnel = addressOf(info.ip6, info.flag_ipv6_tunnel_ep === 1 ? 6 : 4);
    const flags = FLAGS.filter(([, name]) => info[name] === 1)
      .map(([word]) => word).join(",");
    const cluster = cluster_id === 0 ? "" : `@${cluster_id}`;
    return [
      `${ip.text}/${lpm_key - IPCACHE_STATIC_BITS}${cluster}`,
      [
        `identity=${info.sec_identity} encryptkey=${info.key} ` +
        `tunnelendpoint=${tunnel.text} flags=${
          flags === "" ? "<none>" : flags
        }`,
      ],
    ];
  });
  return JSON.stringify(Object.fromEntries(lines), null, 2);
}

function keyBytes(text: string): Uint8Array | undefined {
  const [, prefix, cluster = "0"] = KEY.exec(text) ?? [];
  const cidr = prefix === undefined ? undefined : Cidr.parse(prefix);
  if (cidr === undefined || Number(cluster) > 0xffff) return undefined;
  const { family } = cidr.base;
  return IPCACHE_KEY.encode({
    lpm_key: IPCACHE_STATIC_BITS + cidr.length,
    cluster_id: Number(cluster),
    family: FAMILY_NUMBER[family],
    ip6: addressBytes(cidr.base),
  });
}

function valueBytes(value: unknown): Uint8Array | undefined {
  const [text] = Array.isArray(value) && value.length === 1 ? value : [];
  const match = typeof text === "string" ? ENTRY.exec(text) : null;
  if (match === null) return undefined;
  const [, identity = "", key = "", tunnel = "", flags = ""] = match;
  const ip = Ip.parse(tunnel);
  const words = flags === "<none>" ? [] : flags.split(",");
  const known = words.every((word) => FLAGS.some(([name]) => name === word));
  const fits = Number(identity) <= 0xffffffff && Number(key) <= 0xff;
  if (ip === undefined || !known || !fits) return undefined;
  return REMOTE_ENDPOINT_INFO.encode({
    sec_identity: Number(identity),
    key: Number(key),
    ip6: addressBytes(ip),
    ...Object.fromEntries(
      FLAGS.map(([word, name]) => [name, words.includes(word) ? 1 : 0]),
    ),
  });
}
