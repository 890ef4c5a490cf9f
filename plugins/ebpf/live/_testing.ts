import { dump } from "../_testing.ts";

/** Of n1: `client` and `near` are its pods, endpoints 11 and 12. */
export const ENDPOINTS = dump(JSON.stringify({
  "10.0.1.10:0": ["id=11 sec_id=7001 flags=0x0000 ifindex=5 mac=x nodemac=y"],
  "10.0.1.11:0": ["id=12 sec_id=7002 flags=0x0000 ifindex=7 mac=x nodemac=y"],
  "192.168.0.1:0": ["(localhost)"],
}));

/** The same pods, both nodes and the world. */
export const IPCACHE = ipcache({
  "0.0.0.0/0": 2,
  "10.0.1.10/32": 7001,
  "10.0.1.11/32": 7002,
  "10.0.2.10/32": 7003,
  "192.168.0.1/32": 1,
  "192.168.0.2/32": 6,
});

/** An ipcache of so many prefixes; pods of n2 are behind its tunnel. */
export function ipcache(entries: Readonly<Record<string, number>>) {
  return dump(JSON.stringify(Object.fromEntries(
    Object.entries(entries).map(([prefix, identity]) => [prefix, [
      `identity=${identity} encryptkey=0 ${
        prefix.startsWith("10.0.2.")
          ? "tunnelendpoint=192.168.0.2 flags=hastunnel"
          : "tunnelendpoint=0.0.0.0 flags=<none>"
      }`,
    ]]),
  )));
}

/** An entry of a policy map; without a port, of any protocol. */
export interface Entry {
  readonly identity: number;
  readonly egress?: boolean;
  readonly port?: number;
  readonly deny?: boolean;
  readonly proxyPort?: number;
  readonly prefixLength?: number;
  readonly precedence?: number;
}

/** What `bpf policy get` prints of an endpoint; TCP. */
export function policyMap(endpoint: number, entries: readonly Entry[]) {
  const swapped = (port: number) => (port & 0xff) << 8 | port >>> 8;
  const text = JSON.stringify(entries.map((entry) => {
    const { identity, egress = false, port = 0, deny = false } = entry;
    const prefixLength = entry.prefixLength ?? (port === 0 ? 40 : 64);
    return {
      ProxyPortNetwork: swapped(entry.proxyPort ?? 0),
      Flags: (deny ? 1 : 0) | (prefixLength - 40) << 3,
      AuthRequirement: 0,
      Precedence: entry.precedence ?? (deny ? 0xffffffff : 0xffffff01),
      Cookie: 0,
      Packets: 0,
      Bytes: 0,
      Key: {
        Prefixlen: prefixLength,
        Identity: identity,
        TrafficDirection: egress ? 1 : 0,
        Nexthdr: port === 0 ? 0 : 6,
        DestPortNetwork: swapped(port),
      },
    };
  }));
  return dump(text, { file: `policy-${endpoint}.json` });
}

/** Lets everything out. */
export const ALL_OUT: Entry = { identity: 0, egress: true };

/** Over the pods' links of n1. */
export const TO_NEAR = { from: "pod/shop/client", to: "tcp://10.0.1.11:8080" };

/** A list in which the Service of web has near behind it. */
export const SERVICES = {
  "10.96.0.3:80/TCP (0)": ["0.0.0.0:0 (7) (0) [ClusterIP, non-routable] "],
  "10.96.0.3:80/TCP (1)": ["10.0.1.11:8080/TCP (7) (1)"],
};
