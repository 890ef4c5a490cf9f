import type { Node } from "../../core/cluster/model.ts";
import { Cidr } from "../../core/packet/ip.ts";
import { localDetector } from "./local_detector.ts";
import type { NftSettings } from "./nft_base.ts";
import type { IptablesOptions } from "./options.ts";

/** What the rules of one family are written for, but for the node. */
export interface FamilyContext {
  readonly family: 4 | 6;
  readonly options: IptablesOptions;
  /** Addresses of all pods. */
  readonly ranges: readonly Cidr[];
}

/** How kube-proxy runs on a node. */
export function settingsOf(
  node: Node,
  { family, options, ranges }: FamilyContext,
): NftSettings {
  const addresses = options.nodePortAddresses.map(Cidr.of)
    .filter(({ base }) => base.family === family);
  return {
    family,
    localDetector: localDetector(options.detectLocalMode, {
      family,
      node,
      clusterCidrs: ranges,
      ...options.detectLocal,
    }),
    masqueradeAll: options.masqueradeAll,
    masqueradeMark: (1 << options.masqueradeBit) >>> 0,
    localhostNodePorts: options.localhostNodePorts,
    // No range of the family, or one of all addresses, is every address.
    nodePortAddresses: addresses.length === 0 ||
        addresses.some(({ length }) => length === 0)
      ? null
      : addresses,
    randomFully: true,
    serviceCidrs: options.serviceCIDRs.map(Cidr.of),
  };
}

/** What kube-proxy's rules for Service ports are the same under, but for what depends on the node. */
export function contextKey({ family, ranges }: FamilyContext): string {
  return `${family} ${ranges.map(({ text }) => text).join()}`;
}
