import type { Event } from "../../core/event.ts";
import { parseWgDump } from "../../core/import/wg_dump.ts";
import type { SourcePosition } from "../../core/source.ts";

/** Name of the output of `wg show all dump` among dump formats. */
const FORMAT = "wg-dump";

/** A peer of a node's dump, as far as it decides. JSON-safe. */
export interface DumpedPeer {
  readonly interface: string;
  readonly publicKey: string;
  readonly allowedIps: readonly string[];
  /** Null: packets for it cannot be sent. */
  readonly endpoint: string | null;
  readonly source: SourcePosition;
}

/** What dumps say, by node; the key `*` is for nodes without a dump of their own. */
export interface WireguardState {
  readonly dumps: Record<string, readonly DumpedPeer[]>;
}

/** Folds a dump; of its keys only the public ones are kept. */
export function evolve(state: WireguardState, event: Event): WireguardState {
  if (event.type !== "dump.loaded" || event.data.format !== FORMAT) {
    return state;
  }
  const { node, text, source } = event.data;
  const interfaces = parseWgDump(text, {
    file: source.file,
    firstLine: source.line,
  });
  state.dumps[node ?? "*"] = interfaces.flatMap(({ name, peers }) =>
    peers.map((peer) => ({
      interface: name,
      publicKey: peer.publicKey,
      allowedIps: peer.allowedIps.map((cidr) => cidr.text),
      endpoint: peer.endpoint?.ip.text ?? null,
      source: {
        file: source.file,
        line: source.line + peer.line - 1,
        column: 1,
      },
    }))
  );
  return state;
}
