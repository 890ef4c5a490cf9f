/** Bits of a service's flags: those of `flags`, then of `flags2` (bpf/lib/common.h, SVC_FLAG_*). */
export const SERVICE_FLAG = {
  externalIps: 1 << 0,
  nodePort: 1 << 1,
  externalLocal: 1 << 2,
  hostPort: 1 << 3,
  affinity: 1 << 4,
  loadBalancer: 1 << 5,
  routable: 1 << 6,
  sourceRange: 1 << 7,
  localRedirect: 1 << 8,
  nat46x64: 1 << 9,
  l7LoadBalancer: 1 << 10,
  loopback: 1 << 11,
  internalLocal: 1 << 12,
  twoScopes: 1 << 13,
  /** Of a backend's slot; in slot 0 the same bit is {@link SERVICE_FLAG.sourceRangeDeny}. */
  quarantined: 1 << 14,
  sourceRangeDeny: 1 << 14,
  dsr: 1 << 15,
} as const;

/** Kinds of frontends as the agent names them. */
export type LbType =
  | "ClusterIP"
  | "NodePort"
  | "LoadBalancer"
  | "ExternalIPs"
  | "HostPort"
  | "LocalRedirect";

const TYPE_FLAG: Readonly<Record<LbType, number>> = {
  ClusterIP: 0,
  NodePort: SERVICE_FLAG.nodePort,
  LoadBalancer: SERVICE_FLAG.loadBalancer,
  ExternalIPs: SERVICE_FLAG.externalIps,
  HostPort: SERVICE_FLAG.hostPort,
  LocalRedirect: SERVICE_FLAG.localRedirect,
};

/** What flags are made of. */
export interface FlagParts {
  readonly type: LbType;
  readonly externalLocal: boolean;
  readonly internalLocal: boolean;
  readonly affinity: boolean;
  readonly routable: boolean;
  readonly sourceRange: boolean;
  readonly sourceRangeDeny: boolean;
  readonly dsr: boolean;
  readonly quarantined: boolean;
}

/** Flags of a service or of a slot (pkg/loadbalancer, NewSvcFlag). */
export function serviceFlags(parts: FlagParts): number {
  const twoScopes = parts.externalLocal !== parts.internalLocal &&
    parts.type !== "ClusterIP";
  const bit = (is: boolean, flag: number) => is ? flag : 0;
  return TYPE_FLAG[parts.type] |
    bit(parts.externalLocal, SERVICE_FLAG.externalLocal) |
    bit(parts.internalLocal, SERVICE_FLAG.internalLocal) |
    bit(parts.affinity, SERVICE_FLAG.affinity) |
    bit(parts.routable, SERVICE_FLAG.routable) |
    bit(parts.sourceRange, SERVICE_FLAG.sourceRange) |
    bit(parts.sourceRangeDeny, SERVICE_FLAG.sourceRangeDeny) |
    bit(twoScopes, SERVICE_FLAG.twoScopes) |
    bit(parts.quarantined, SERVICE_FLAG.quarantined) |
    bit(parts.dsr, SERVICE_FLAG.dsr);
}

/** The kind of frontend that flags say. */
export function typeOfFlags(flags: number): LbType {
  const order = [
    "ExternalIPs",
    "NodePort",
    "LoadBalancer",
    "HostPort",
    "LocalRedirect",
  ] as const;
  return order.find((type) => (flags & TYPE_FLAG[type]) !== 0) ?? "ClusterIP";
}

/** Words for the bits that say more, in the order in which the command line prints them. */
const WORDS: readonly (readonly [number, string])[] = [
  [SERVICE_FLAG.externalLocal, "Local"],
  [SERVICE_FLAG.internalLocal, "InternalLocal"],
  [SERVICE_FLAG.twoScopes, "two-scopes"],
  [SERVICE_FLAG.affinity, "sessionAffinity"],
];
const LATER_WORDS: readonly (readonly [number, string])[] = [
  [SERVICE_FLAG.nat46x64, "46x64"],
  [SERVICE_FLAG.l7LoadBalancer, "l7-load-balancer"],
];

/** `NodePort, Local, non-routable`, one word each (ServiceFlags.String). */
export function flagWords(flags: number): string[] {
  const has = (flag: number) => (flags & flag) !== 0;
  const words = (list: typeof WORDS) =>
    list.filter(([flag]) => has(flag)).map(([, word]) => word);
  const type = typeOfFlags(flags);
  const ranged = has(SERVICE_FLAG.sourceRange);
  const high = has(SERVICE_FLAG.quarantined);
  return [
    type,
    ...words(WORDS),
    ...(has(SERVICE_FLAG.routable) ? [] : ["non-routable"]),
    ...(ranged ? ["check source-range"] : []),
    ...(ranged && high ? ["deny"] : []),
    ...words(LATER_WORDS),
    ...(has(SERVICE_FLAG.loopback)
      ? [type === "HostPort" ? "loopback" : "delegate-if-local"]
      : []),
    ...(!ranged && high ? ["quarantined"] : []),
    ...(has(SERVICE_FLAG.dsr) ? ["dsr"] : []),
  ];
}

/** The flags that words stand for; undefined when a word is none of them. */
export function flagsOfWords(words: readonly string[]): number | undefined {
  let flags = SERVICE_FLAG.routable as number;
  for (const word of words) {
    const known = [...WORDS, ...LATER_WORDS].find(([, text]) => text === word);
    if (known !== undefined) flags |= known[0];
    else if (Object.hasOwn(TYPE_FLAG, word)) flags |= TYPE_FLAG[word as LbType];
    else if (word === "non-routable") flags &= ~SERVICE_FLAG.routable;
    else if (word === "check source-range") flags |= SERVICE_FLAG.sourceRange;
    else if (word === "deny") flags |= SERVICE_FLAG.sourceRangeDeny;
    else if (word === "quarantined") flags |= SERVICE_FLAG.quarantined;
    else if (word === "loopback" || word === "delegate-if-local") {
      flags |= SERVICE_FLAG.loopback;
    } else if (word === "dsr") flags |= SERVICE_FLAG.dsr;
    else return undefined;
  }
  return flags;
}
