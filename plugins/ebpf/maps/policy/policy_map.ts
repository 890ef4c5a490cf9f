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

/** An entry with the key that it is under. */
export interface FoundPolicy {
  readonly key: Uint8Array;
  readonly value: PolicyValue;
}

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
    return this.findEntry(packet)?.value;
  }

  /** The same with the key that the entry is under. */
  findEntry(packet: PolicyLookup): FoundPolicy | undefined {
    const own = this.#lookup(packet);
    const anyone = this.#lookup({ ...packet, identity: 0 });
    if (own === undefined || anyone === undefined) return own ?? anyone;
    const { value: a } = own;
    const { value: b } = anyone;
    if (a.precedence !== b.precedence) {
      return a.precedence > b.precedence ? own : anyone;
    }
    return b.lpm_prefix_length > a.lpm_prefix_length ? anyone : own;
  }

  #lookup(
    { identity, egress, protocol, port }: PolicyLookup,
  ): FoundPolicy | undefined {
    const entry = this.map.find(POLICY_KEY.encode({
      lpm_key: 64,
      sec_label: identity,
      egress: egress ? 1 : 0,
      protocol,
      dport: port,
    }));
    return entry === undefined
      ? undefined
      : { key: entry.key, value: POLICY_ENTRY.decode(entry.value) };
  }
}
