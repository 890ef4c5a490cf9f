import type { BpfMap, MapErrno } from "../bpf_map.ts";
import { newCiliumMap } from "../cilium_maps.ts";
import type { Values } from "../layout.ts";
import { POLICY_ENTRY, POLICY_KEY } from "../policy_layouts.ts";
import { encodeEntry, encodeKey, type PolicyMapEntry } from "./map_entry.ts";

/** What a packet is held against. */
export interface PolicyLookup {
  readonly identity: number;
  readonly egress: boolean;
  readonly protocol: number;
  /** Destination port, or ICMP type. */
  readonly port: number;
}

/** The value of an entry, decoded. */
export type PolicyValue = Values<typeof POLICY_ENTRY.fields>;

/** One endpoint's policy map. */
export class PolicyMap {
  readonly map: BpfMap;

  /** An empty map, or one that was read from a dump. */
  constructor(map: BpfMap = newCiliumMap("cilium_policy_v2")) {
    this.map = map;
  }

  /** Puts entries in; gives the errors of those that found no room. */
  write(entries: readonly PolicyMapEntry[]): readonly MapErrno[] {
    const refused: MapErrno[] = [];
    for (const entry of entries) {
      const errno = this.map.update(encodeKey(entry.key), encodeEntry(entry));
      if (errno !== undefined) refused.push(errno);
    }
    return refused;
  }

  /**
   * The entry that decides, as __policy_can_access finds it: one lookup for
   * the identity and one for anyone; the higher precedence wins, then the
   * longer prefix, then the identity's own. Undefined: denied by default.
   */
  find(packet: PolicyLookup): PolicyValue | undefined {
    const own = this.#lookup(packet);
    const anyone = this.#lookup({ ...packet, identity: 0 });
    if (own === undefined || anyone === undefined) return own ?? anyone;
    if (own.precedence !== anyone.precedence) {
      return own.precedence > anyone.precedence ? own : anyone;
    }
    return anyone.lpm_prefix_length > own.lpm_prefix_length ? anyone : own;
  }

  #lookup({ identity, egress, protocol, port }: PolicyLookup) {
    const value = this.map.lookup(POLICY_KEY.encode({
      lpm_key: 64,
      sec_label: identity,
      egress: egress ? 1 : 0,
      protocol,
      dport: port,
    }));
    return value === undefined ? undefined : POLICY_ENTRY.decode(value);
  }
}
