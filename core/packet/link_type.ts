/** Link types the decoder reads, by number (the registry of tcpdump.org). */
export const LINK_TYPES: ReadonlyMap<number, LinkLayer> = new Map([
  [0, "null"],
  [1, "ethernet"],
  [12, "raw"],
  [14, "raw"],
  [101, "raw"],
  [108, "loop"],
  [113, "sll"],
  [228, "raw"],
  [229, "raw"],
  [276, "sll2"],
]);

/** What stands before the IP header of a captured packet. */
export type LinkLayer = "null" | "ethernet" | "raw" | "loop" | "sll" | "sll2";

/** Name of a link type for a message: `9 (PPP)`. */
export function linkTypeName(linkType: number): string {
  const name = NAMES.get(linkType);
  return name === undefined ? `${linkType}` : `${linkType} (${name})`;
}

/** The supported ones, and the ones a user is likely to come with. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0, "NULL"],
  [1, "EN10MB"],
  [6, "IEEE802_5"],
  [9, "PPP"],
  [10, "FDDI"],
  [12, "RAW"],
  [14, "RAW"],
  [50, "PPP_HDLC"],
  [51, "PPP_ETHER"],
  [101, "RAW"],
  [104, "C_HDLC"],
  [105, "IEEE802_11"],
  [108, "LOOP"],
  [113, "LINUX_SLL"],
  [127, "IEEE802_11_RADIOTAP"],
  [147, "USER0"],
  [189, "USB_LINUX"],
  [220, "USB_LINUX_MMAPPED"],
  [228, "IPV4"],
  [229, "IPV6"],
  [239, "NFLOG"],
  [249, "USBPCAP"],
  [253, "NETLINK"],
  [276, "LINUX_SLL2"],
]);
