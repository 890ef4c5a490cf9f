import { NFT_CHAINS, NFT_SETS } from "./nft_base.ts";
import { elementText, type NftPart } from "./nft_rule.ts";

/** The part as `nft -f` reads it, a line for each thing that is added. */
export function printNft(
  part: NftPart,
  { family, declarations }: {
    readonly family: 4 | 6;
    /** Whether the table, its sets and its own chains are declared too. */
    readonly declarations: boolean;
  },
): string[] {
  const table = `${family === 4 ? "ip" : "ip6"} kube-proxy`;
  const address = family === 4 ? "ipv4_addr" : "ipv6_addr";
  const lines: string[] = [];
  if (declarations) {
    lines.push(`add table ${table} { comment "rules for kube-proxy" ; }`);
    for (const { kind, name, type, comment } of NFT_SETS) {
      lines.push(
        `add ${kind} ${table} ${name} { type ${
          type.replace("ADDR", address)
        } ; comment "${comment}" ; }`,
      );
    }
  }
  for (const [set, timeoutS] of part.affinity) {
    lines.push(
      `add set ${table} ${set} { type ${address} ; flags dynamic,timeout ; timeout ${timeoutS}s ; }`,
    );
  }
  for (const chain of part.chains.keys()) {
    const head = NFT_CHAINS.get(chain);
    lines.push(
      `add chain ${table} ${chain}${
        head === undefined ? "" : ` { ${head} ; }`
      }`,
    );
  }
  for (const [chain, rules] of part.chains) {
    for (const { text } of rules) {
      lines.push(`add rule ${table} ${chain} ${text}`);
    }
  }
  for (const [set, ip] of part.members) {
    lines.push(`add element ${table} ${set} { ${ip} }`);
  }
  for (const element of part.elements) {
    lines.push(`add element ${table} ${elementText(element)}`);
  }
  return lines;
}
