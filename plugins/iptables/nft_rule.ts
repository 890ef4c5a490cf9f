import type { ChainRule } from "../../core/import/iptables_rules.ts";
import type { SourcePosition } from "../../core/source.ts";
import type { RuleParts } from "./rule_builder.ts";

/** What a rule of nftables does once it matches. */
export type NftAction =
  | { readonly kind: "jump" | "goto"; readonly chain: string }
  | { readonly kind: "return" | "drop" | "reject" }
  | { readonly kind: "masquerade" }
  | { readonly kind: "dnat"; readonly to: string }
  /** As `--set-xmark` has it. */
  | { readonly kind: "mark"; readonly xmark: string }
  /** Looks a verdict up: by destination, protocol and port, or without the destination. */
  | { readonly kind: "verdict"; readonly map: NftMapName }
  /** Goes on in one of these chains, each as likely. */
  | { readonly kind: "share"; readonly among: readonly NftShare[] }
  /** Remembers the source in a set with a timeout. */
  | { readonly kind: "remember"; readonly set: string };

/** One alternative of a `numgen random`. */
export interface NftShare {
  readonly chain: string;
  /** Where it sends: `10.0.0.1:80`. */
  readonly backend: string;
}

/** One rule, as text and as what it means. */
export interface NftRule {
  /** After the chain's name. */
  readonly text: string;
  /** Tests of headers and state, in the words of iptables. */
  readonly header: RuleParts;
  /** A set that the source must be in. */
  readonly sourceIn: string | null;
  /** Ranges that the source must lie outside of. */
  readonly sourceOutside: readonly string[] | null;
  /** A set that the destination must be in. */
  readonly destinationIn: NftSetName | null;
  readonly action: NftAction | null;
  readonly at: SourcePosition | null;
}

/** Sets of addresses that kube-proxy keeps. */
export type NftSetName = "cluster-ips" | "nodeport-ips";

/** Maps from what is asked for to a verdict. */
export type NftMapName =
  | "firewall-ips"
  | "no-endpoint-nodeports"
  | "no-endpoint-services"
  | "service-ips"
  | "service-nodeports";

/** One element of a map. */
export interface NftElement {
  readonly map: NftMapName;
  /** Null in the maps of node ports. */
  readonly address: string | null;
  readonly protocol: string;
  readonly port: number;
  readonly verdict:
    | { readonly kind: "goto"; readonly chain: string }
    | { readonly kind: "drop" | "reject" };
  /** The Service port, where the verdict is final. */
  readonly comment: string | null;
  readonly at: SourcePosition | null;
}

/** Chains, sets and elements in one table, by whoever writes them. */
export interface NftPart {
  readonly chains: ReadonlyMap<string, readonly NftRule[]>;
  readonly elements: readonly NftElement[];
  /** Members of the sets of addresses. */
  readonly members: readonly (readonly [set: NftSetName, ip: string])[];
  /** Sets that remember sources, with their timeout. */
  readonly affinity: ReadonlyMap<string, number>;
}

/** A rule from its parts. */
export function nftRule(
  text: string,
  parts: Partial<Omit<NftRule, "text">> = {},
): NftRule {
  return {
    text,
    header: parts.header ?? {},
    sourceIn: parts.sourceIn ?? null,
    sourceOutside: parts.sourceOutside ?? null,
    destinationIn: parts.destinationIn ?? null,
    action: parts.action ?? null,
    at: parts.at ?? null,
  };
}

/** The header tests as a rule of iptables. */
export function headerRule({ header, at }: NftRule): ChainRule {
  return {
    source: header.source ?? null,
    destination: header.destination ?? null,
    inInterface: header.inInterface ?? null,
    outInterface: header.outInterface ?? null,
    protocol: header.protocol ?? null,
    fragment: null,
    matches: header.matches ?? [],
    target: null,
    counters: null,
    at,
  };
}

/** `service-ips { 10.96.0.1 . tcp . 443 : goto service-… }`. */
export function elementText(element: NftElement): string {
  const { map, address, protocol, port, verdict, comment } = element;
  const key = [...(address === null ? [] : [address]), protocol, port];
  const said = verdict.kind === "goto"
    ? `goto ${verdict.chain}`
    : verdict.kind === "reject"
    ? "goto reject-chain"
    : "drop";
  const noted = comment === null ? "" : ` comment ${JSON.stringify(comment)}`;
  return `${map} { ${key.join(" . ")}${noted} : ${said} }`;
}
