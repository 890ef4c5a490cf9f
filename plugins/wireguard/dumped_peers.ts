import { Cidr, Ip } from "../../core/packet/ip.ts";
import type { Rule } from "../../core/source.ts";
import type { DumpedPeer } from "./state.ts";

/** A peer that a destination belongs to. */
export interface FoundPeer {
  /** The underlay address, null when the peer has none yet. */
  readonly endpoint: Ip | null;
  readonly rule: Rule;
}

/** Cryptokey routing of one node: the peer whose allowed addresses match longest gets the packet. */
export class DumpedPeers {
  readonly #entries: readonly {
    readonly cidr: Cidr;
    readonly peer: FoundPeer;
  }[];

  constructor(peers: readonly DumpedPeer[]) {
    this.#entries = peers.flatMap((peer) => {
      const found = {
        endpoint: peer.endpoint === null ? null : Ip.of(peer.endpoint),
        rule: {
          name: `${peer.interface} peer ${peer.publicKey}`,
          text: `allowed ips: ${peer.allowedIps.join(", ")}`,
          source: peer.source,
        },
      };
      return peer.allowedIps.map((text) => ({
        cidr: Cidr.of(text),
        peer: found,
      }));
    }).sort((a, b) => b.cidr.length - a.cidr.length);
  }

  find(destination: Ip): FoundPeer | undefined {
    return this.#entries.find(({ cidr }) => cidr.contains(destination))?.peer;
  }
}
