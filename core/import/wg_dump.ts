import { InputError, type Problem } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { Cidr, Ip } from "../packet/ip.ts";

/** One WireGuard interface of a `wg show all dump`. Secret keys are not kept. */
export interface WgInterface {
  readonly name: string;
  /** Null where the dump has peers of the interface but not itself. */
  readonly publicKey: string | null;
  readonly listenPort: number | null;
  readonly firewallMark: number | null;
  readonly peers: readonly WgPeer[];
}

/** One peer; its allowed addresses are what the kernel routes to it and takes from it. */
export interface WgPeer {
  readonly publicKey: string;
  readonly presharedKey: "set" | "none";
  /** Null: the peer has to speak first. */
  readonly endpoint: { readonly ip: Ip; readonly port: number } | null;
  readonly allowedIps: readonly Cidr[];
  /** Seconds since 1970; 0: never. */
  readonly latestHandshakeS: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Null: off. */
  readonly keepaliveS: number | null;
  /** Line of the dump, counting from 1. */
  readonly line: number;
}

const INTERFACE_FIELDS = 5;
const PEER_FIELDS = 9;

/** What stands in the place of a secret key. */
const HIDDEN = "(hidden)";

/**
 * Reads the output of `wg show all dump` (wg(8)): a line an interface with its
 * private key, public key, port and mark, and a line a peer. Private and
 * preshared keys are dropped while reading. Throws an {@link InputError} with
 * every problem found.
 *
 * @example
 * ```ts
 * const [wg0] = parseWgDump(
 *   "wg0\tcHVibGlj\t(none)\t192.0.2.7:51820\t10.0.1.0/24\t0\t0\t0\toff\n",
 *   { file: "n1.wg" },
 * );
 * const first = wg0?.peers[0]?.allowedIps[0]?.text; // "10.0.1.0/24"
 * ```
 */
export function parseWgDump(
  text: string,
  source: { readonly file: string; readonly firstLine?: number },
): readonly WgInterface[] {
  const reader = new DumpReader(source);
  for (const [index, line] of text.split("\n").entries()) {
    reader.read(line.endsWith("\r") ? line.slice(0, -1) : line, index + 1);
  }
  return reader.end();
}

/** The dump with its private and preshared keys taken out, fit to be stored. */
export function redactWgDump(text: string): string {
  return text.split("\n").map((line) => {
    const fields = line.split("\t");
    const secret = fields.length === INTERFACE_FIELDS
      ? 1
      : fields.length === PEER_FIELDS
      ? 2
      : -1;
    if (secret < 0) return looksSecret(line) ? HIDDEN : line;
    if (fields[secret] !== "(none)") fields[secret] = HIDDEN;
    return fields.join("\t");
  }).join("\n");
}

/** A line of an unknown shape may still carry a key. */
function looksSecret(line: string): boolean {
  return /[A-Za-z0-9+/]{40,44}=?/.test(line);
}

class DumpReader {
  readonly #source: { readonly file: string; readonly firstLine?: number };
  readonly #problems: Problem[] = [];
  readonly #interfaces = new Map<string, WgInterface & { peers: WgPeer[] }>();

  constructor(source: { readonly file: string; readonly firstLine?: number }) {
    this.#source = source;
  }

  read(line: string, number: number): void {
    if (line === "" || this.#problems.length >= LIMITS.problemsPerFile) return;
    if (number > LIMITS.wgDumpLines || line.length > LIMITS.lineBytes) {
      this.#problem(number, {
        reason: number > LIMITS.wgDumpLines
          ? `it has more than ${LIMITS.wgDumpLines} lines`
          : "a line is too long",
        expected: "the dump of one node",
      });
      return;
    }
    const fields = line.split("\t");
    if (fields.length === INTERFACE_FIELDS) this.#interface(fields, number);
    else if (fields.length === PEER_FIELDS) this.#peer(fields, number);
    else {
      this.#problem(number, {
        reason: `a line has ${fields.length} fields`,
        expected:
          "5 fields for an interface, 9 for a peer, separated by tabs, as `wg show all dump` prints them",
      });
    }
  }

  end(): readonly WgInterface[] {
    if (this.#problems.length > 0) throw new InputError(this.#problems);
    return [...this.#interfaces.values()];
  }

  #interface(fields: readonly string[], line: number): void {
    const [name, , publicKey, port, mark] = fields as [
      string,
      string,
      string,
      string,
      string,
    ];
    this.#interfaces.set(name, {
      name,
      publicKey: this.#key(publicKey, line),
      listenPort: this.#number(port, {
        line,
        what: "listen port",
        most: 65535,
      }),
      firewallMark: mark === "off" ? null : this.#mark(mark, line),
      peers: this.#interfaces.get(name)?.peers ?? [],
    });
  }

  #peer(fields: readonly string[], line: number): void {
    const [name, publicKey, preshared, endpoint, allowed] = fields as [
      string,
      string,
      string,
      string,
      string,
    ];
    const number = (index: number, what: string) =>
      this.#number(fields[index]!, {
        line,
        what,
        most: Number.MAX_SAFE_INTEGER,
      });
    const owner = this.#interfaces.get(name) ?? {
      name,
      publicKey: null,
      listenPort: null,
      firewallMark: null,
      peers: [],
    };
    this.#interfaces.set(name, owner);
    owner.peers.push({
      publicKey: this.#key(publicKey, line) ?? "",
      presharedKey: preshared === "(none)" ? "none" : "set",
      endpoint: this.#endpoint(endpoint, line),
      allowedIps: this.#allowedIps(allowed, line),
      latestHandshakeS: number(5, "time of the latest handshake") ?? 0,
      receivedBytes: number(6, "count of received bytes") ?? 0,
      sentBytes: number(7, "count of sent bytes") ?? 0,
      keepaliveS: fields[8] === "off" ? null : number(8, "keepalive"),
      line,
    });
  }

  #key(text: string, line: number): string | null {
    if (text === "(none)") return null;
    if (/^[A-Za-z0-9+/]{1,64}={0,2}$/.test(text)) return text;
    this.#problem(line, {
      reason: "a public key is not in base64",
      expected: "a key as `wg pubkey` prints it, or (none)",
    });
    return null;
  }

  #endpoint(text: string, line: number): WgPeer["endpoint"] {
    if (text === "(none)") return null;
    const match =
      /^(?:\[([0-9a-fA-F:.]+)(?:%[\w.-]{1,32})?\]|([0-9.]+)):(\d{1,5})$/
        .exec(text);
    const ip = match === null ? undefined : Ip.parse(match[1] ?? match[2]!);
    if (ip !== undefined && Number(match![3]) <= 65_535) {
      return { ip, port: Number(match![3]) };
    }
    this.#problem(line, {
      reason: `an endpoint cannot be read: ${text.slice(0, 60)}`,
      expected: "192.0.2.7:51820, [2001:db8::7]:51820 or (none)",
    });
    return null;
  }

  #allowedIps(text: string, line: number): readonly Cidr[] {
    if (text === "(none)") return [];
    return text.split(",").flatMap((item) => {
      const cidr = Cidr.parse(item);
      if (cidr !== undefined) return [cidr];
      this.#problem(line, {
        reason: `an allowed address cannot be read: ${item.slice(0, 60)}`,
        expected: "prefixes separated by commas, or (none)",
      });
      return [];
    });
  }

  #mark(text: string, line: number): number | null {
    if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number(text);
    this.#problem(line, {
      reason: `a mark cannot be read: ${text.slice(0, 60)}`,
      expected: "0x and hexadecimal digits, or off",
    });
    return null;
  }

  #number(
    text: string,
    { line, what, most }: {
      readonly line: number;
      readonly what: string;
      readonly most: number;
    },
  ): number | null {
    if (/^\d{1,16}$/.test(text) && Number(text) <= most) return Number(text);
    this.#problem(line, {
      reason: `the ${what} is no number: ${text.slice(0, 60)}`,
      expected: "a whole number",
    });
    return null;
  }

  /** The line itself is never shown: it may hold keys. */
  #problem(
    line: number,
    { reason, expected }: {
      readonly reason: string;
      readonly expected: string;
    },
  ): void {
    const { file, firstLine = 1 } = this.#source;
    this.#problems.push({
      message: `Cannot read WireGuard dump: ${reason}`,
      at: { file, line: firstLine + line - 1, column: 1 },
      expected,
    });
  }
}
