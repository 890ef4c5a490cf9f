/** WireGuard's own header (type, receiver, counter) and the authentication tag of its data message. */
const MESSAGE_BYTES = 16 + 16;
const UDP_BYTES = 8;
const OUTER_IP_BYTES = { 4: 20, 6: 40 } as const;
const PADDING_UNIT_BYTES = 16;

/**
 * Bytes that WireGuard adds to a packet: 20 + 8 + 32 = 60 over IPv4, 80 over
 * IPv6 (the figure that MTUs reserve), and zeros up to a multiple of 16 bytes
 * that do not go beyond the MTU (drivers/net/wireguard/send.c,
 * calculate_skb_padding).
 */
export function overheadBytes(
  lengthBytes: number,
  { outer, mtuBytes }: { readonly outer: 4 | 6; readonly mtuBytes: number },
): number {
  const last = lengthBytes > mtuBytes ? lengthBytes % mtuBytes : lengthBytes;
  const padded = Math.min(
    mtuBytes,
    Math.ceil(last / PADDING_UNIT_BYTES) * PADDING_UNIT_BYTES,
  );
  return OUTER_IP_BYTES[outer] + UDP_BYTES + MESSAGE_BYTES + padded - last;
}
