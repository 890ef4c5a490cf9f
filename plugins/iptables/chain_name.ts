import { createHash } from "node:crypto";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Characters of a hash in a chain's name. */
const HASH_LENGTH = 16;

/** Kinds of chains that kube-proxy makes for a Service port. */
export type ServiceChain = "SVC" | "SVL" | "EXT" | "FW";

/**
 * Names of the chains of one Service port (pkg/proxy/iptables/proxier.go,
 * `portProtoHash`, `servicePortEndpointChainName`).
 */
export class ChainNames {
  readonly #key: string;
  readonly #hash: string;
  readonly #ofEndpoint = new Map<string, string>();

  /** `servicePort` is `ns/name:port`, or `ns/name` when the port has no name. */
  constructor(servicePort: string, protocol: string) {
    this.#key = servicePort + protocol;
    this.#hash = chainHash(this.#key);
  }

  ofService(kind: ServiceChain): string {
    return `KUBE-${kind}-${this.#hash}`;
  }

  /** `endpoint` is `ip:port`. */
  ofEndpoint(endpoint: string): string {
    let name = this.#ofEndpoint.get(endpoint);
    if (name === undefined) {
      name = `KUBE-SEP-${chainHash(this.#key + endpoint)}`;
      this.#ofEndpoint.set(endpoint, name);
    }
    return name;
  }
}

/** The first characters of base32(sha256(text)). */
export function chainHash(text: string): string {
  const digest = createHash("sha256").update(text).digest();
  let out = "";
  let bits = 0;
  let value = 0;
  for (let index = 0; out.length < HASH_LENGTH; index++) {
    value = ((value << 8) | digest[index]!) & 0xffff;
    bits += 8;
    while (bits >= 5 && out.length < HASH_LENGTH) {
      out += BASE32[(value >>> (bits - 5)) & 31];
      bits -= 5;
    }
  }
  return out;
}
