/** Numbers of reserved identities (pkg/identity/numericidentity.go), and the first of pods'. */
export const IDENTITY = {
  host: 1,
  world: 2,
  remoteNode: 6,
  ingress: 8,
  firstPod: 256,
} as const;

/** Identities of endpoints that are neither pods nor nodes. */
export const ROLES: Readonly<Record<number, string>> = {
  3: "unmanaged",
  4: "health",
  5: "init",
  8: "ingress",
};

/** What the lower half of a mark says of where a packet is from (bpf/lib/common.h, MARK_MAGIC_*). */
export const MAGIC = {
  mask: 0xf00,
  fromIngressProxy: 0xa00,
  fromEgressProxy: 0xb00,
  identity: 0xf00,
} as const;

/** Marks of the policy proxy's packets: they name no identity, as the source address does. */
export const PROXY_MARK = {
  ingress: MAGIC.fromIngressProxy,
  egress: MAGIC.fromEgressProxy,
} as const;

/**
 * The identity that a mark carries, its lower 16 bits in the upper half and
 * its higher ones in the lowest byte (bpf/lib/identity.h, get_identity); 0
 * when the mark carries none.
 */
export function markedIdentity(mark: number): number {
  const magic = mark & MAGIC.mask;
  return magic === MAGIC.fromIngressProxy || magic === MAGIC.fromEgressProxy ||
      magic === MAGIC.identity
    ? (mark & 0xff) << 16 | mark >>> 16
    : 0;
}
