import { parseIpsetSave } from "../../core/import/ipset_save.ts";
import { parseIptablesSave } from "../../core/import/iptables_save.ts";
import { readPacket } from "../../core/packet/read_packet.ts";
import { ipSets } from "../../plugins/iptables/ip_sets.ts";
import {
  NetfilterHost,
  type Sent,
} from "../../plugins/iptables/netfilter_host.ts";
import { casePacketBytes } from "./case_packet.ts";
import { type Fate, packetText } from "./fuzz_result.ts";
import { FUZZ_SETS, type FuzzRouter } from "./fuzz_router.ts";
import type { CaseStep } from "./run_case.ts";

const SETS = ipSets(parseIpsetSave(FUZZ_SETS, { file: "sets" }));

/** Where the raw sockets of the kernel side belong to. */
const OWNER = {
  place: { kind: "node", name: "host" },
  uid: 0,
  connection: "fuzz",
} as const;

/** What the iptables plugin makes of the packets. */
export function modelSide(
  rules: string,
  { router, steps, ordered }: {
    readonly router: FuzzRouter;
    readonly steps: readonly CaseStep[];
    readonly ordered: boolean;
  },
): Fate[] {
  let hits: string[] = [];
  const host = new NetfilterHost(
    parseIptablesSave(rules, { file: "rules", family: 4 }),
    {
      links: router.links,
      sets: SETS,
      onHit: (chain, rule) => {
        if (rule >= 0) hits.push(`${chain.table} ${chain.name}:${rule + 1}`);
      },
    },
  );
  return steps.map(({ iface, packet }) => {
    hits = [];
    const link = iface === "LOCAL" ? null : iface;
    const owner = link === null ? OWNER : null;
    const sent = host.send(readPacket(casePacketBytes(packet))!, {
      link,
      owner,
    });
    if (!ordered) hits.sort();
    return fateOf(sent, { hits, local: link === null, scanned: host.rules });
  });
}

function fateOf(
  sent: Sent,
  { hits, local, scanned }: {
    readonly hits: readonly string[];
    readonly scanned: number;
    readonly local: boolean;
  },
): Fate {
  const fate = { link: null, detail: "", hits, scanned };
  if (sent.kind !== "stopped") {
    const first = sent.kind === "sent" ? sent.pieces?.[0] : undefined;
    const detail = packetText(first ?? sent.packet);
    return sent.kind === "sent"
      ? { ...fate, kind: "sent", link: sent.link, detail }
      : { ...fate, kind: "delivered", detail };
  }
  const { action, hook } = sent;
  if (action.kind === "unknown") {
    return { ...fate, kind: "unknown", detail: action.reason };
  }
  // The sender of a local packet learns of it: sendto() fails.
  if (local && (hook === "output" || hook === "postrouting")) {
    return { ...fate, kind: "refused" };
  }
  if (action.kind === "drop" && action.reason === "time to live exceeded") {
    return { ...fate, kind: "rejected", detail: "icmp-unreachable" };
  }
  return action.kind === "reject"
    ? { ...fate, kind: "rejected", detail: action.with }
    : { ...fate, kind: "dropped" };
}
