import { Cidr, type Ip } from "../../../core/packet/ip.ts";
import type { BpfMap } from "./bpf_map.ts";
import {
  ENDPOINT_INFO,
  ENDPOINT_KEY,
  FAMILY_NUMBER,
  REMOTE_ENDPOINT_INFO,
} from "./endpoint_layouts.ts";
import { ipcacheKey } from "./fill_endpoints.ts";
import { addressBytes, addressOf } from "./layout.ts";

/** What an ipcache says of an address. */
export interface FoundIdentity {
  readonly identity: number;
  /** The node to send to through the tunnel; null: no tunnel. */
  readonly tunnelEndpoint: Ip | null;
}

/** Who has an address, by the longest prefix of an ipcache (bpf/lib/eps.h, lookup_ip4_remote_endpoint). */
export function findIdentity(
  ipcache: BpfMap,
  ip: Ip,
): FoundIdentity | undefined {
  const whole = new Cidr(ip, ip.family === 4 ? 32 : 128);
  const value = ipcache.lookup(ipcacheKey(whole));
  if (value === undefined) return undefined;
  const info = REMOTE_ENDPOINT_INFO.decode(value);
  const tunnelled = info.flag_has_tunnel_ep === 1 &&
    info.flag_skip_tunnel === 0;
  const family = info.flag_ipv6_tunnel_ep === 1 ? 6 : 4;
  return {
    identity: info.sec_identity,
    tunnelEndpoint: tunnelled ? addressOf(info.ip6, family) : null,
  };
}

/** The number of the node's own endpoint with an address, which its policy map is named after. */
export function findEndpoint(lxc: BpfMap, ip: Ip): number | undefined {
  const value = lxc.lookup(ENDPOINT_KEY.encode({
    ip6: addressBytes(ip),
    family: FAMILY_NUMBER[ip.family],
  }));
  return value === undefined ? undefined : ENDPOINT_INFO.decode(value).lxc_id;
}
