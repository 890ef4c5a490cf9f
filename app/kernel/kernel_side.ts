import {
  type Backend,
  type Judged,
  KernelHost,
} from "../../plugins/kernel/mod.ts";
import { readPacket } from "../../core/packet/read_packet.ts";
import {
  type SeenPacket,
  seePacket,
} from "../../plugins/kernel/packet_bytes.ts";
import type { RuleHit } from "../../plugins/kernel/rule_path.ts";
import { type CasePacket, casePacketBytes } from "./case_packet.ts";
import { type PlannedStep, tcpFields } from "./fuzz_case.ts";
import { type Fate, packetText } from "./fuzz_result.ts";
import { FUZZ_SETS, type FuzzRouter } from "./fuzz_router.ts";
import type { CaseStep } from "./run_case.ts";

/** What the kernel makes of the packets, and which they were. */
export interface KernelRun {
  readonly steps: readonly CaseStep[];
  readonly fates: readonly Fate[];
}

/** Hosts for fuzzing, one a router: rules are replaced, connections forgotten. */
export class KernelSide {
  readonly #backend: Backend;
  readonly #hosts = new Map<string, KernelHost>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Sends the packets one by one; replies are to what came out. */
  run(
    rules: string,
    { router, steps }: {
      readonly router: FuzzRouter;
      readonly steps: readonly PlannedStep[];
    },
  ): KernelRun {
    const host = this.#host(router);
    // Lists of recent senders live as long as a rule that names them.
    host.load("", FUZZ_SETS);
    host.load(rules, FUZZ_SETS);
    host.forgetAll();
    const run: { steps: CaseStep[]; fates: Fate[]; out: Sent[] } = {
      steps: [],
      fates: [],
      out: [],
    };
    for (const planned of steps) {
      const asked = planned.kind === "packet" ? null : run.out[planned.to];
      const step = planned.kind === "packet"
        ? planned
        : replyTo(asked, planned.flags);
      if (step === null) continue;
      const { iface, packet } = step;
      const bytes = casePacketBytes(packet);
      const judged = iface === "LOCAL"
        ? host.send(bytes)
        : host.inject(iface, bytes);
      run.out.push({ judged, answers: asked != null && !asked.answers });
      run.steps.push({ iface, packet });
      run.fates.push(fateOf(judged, host));
    }
    return run;
  }

  close(): void {
    for (const host of this.#hosts.values()) host.close();
  }

  #host({ name, links }: FuzzRouter): KernelHost {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = new KernelHost({
        backend: this.#backend,
        links,
        delivery: "alone",
        traced: true,
      });
      this.#hosts.set(name, host);
    }
    return host;
  }
}

function fateOf(judged: Judged, host: KernelHost): Fate {
  const hits = judged.path.filter(({ index }) => index > 0).map(hitText);
  // The nft back end counts; it does not tell the order.
  const ordered = host.backend === "legacy";
  if (!ordered) hits.sort();
  const scanned = ordered ? host.scanned(judged.path) : null;
  const fate = { link: null, detail: "", hits, scanned };
  if (!judged.sent) return { ...fate, kind: "refused" };
  const out = judged.out[0];
  if (out !== undefined) {
    const detail = packetText(readPacket(out.packet)!);
    return { ...fate, kind: "sent", link: out.link, detail };
  }
  const delivered = judged.delivered[0];
  if (delivered !== undefined) {
    const detail = packetText(readPacket(delivered)!);
    return { ...fate, kind: "delivered", detail };
  }
  const answer = judged.answers[0];
  if (answer === undefined) return { ...fate, kind: "dropped" };
  return {
    ...fate,
    kind: "rejected",
    detail: seePacket(answer)!.protocol === 6
      ? "tcp-reset"
      : "icmp-unreachable",
  };
}

function hitText({ table, chain, index }: RuleHit): string {
  return `${table} ${chain}:${index}`;
}

/** What became of a packet, and whether it was the answering side's. */
interface Sent {
  readonly judged: Judged;
  readonly answers: boolean;
}

/** The answer of who got the packet that came out; null when none did. */
function replyTo(
  asked: Sent | null | undefined,
  flags: string,
): CaseStep | null {
  const out = asked?.judged.out[0];
  const seen = out === undefined ? undefined : seePacket(out.packet);
  if (asked == null || out === undefined || seen === undefined) return null;
  const fields = asked.answers ? tcpFields(flags) : replyFields(flags);
  const packet = replyPacket(seen, fields);
  return packet === null ? null : { iface: out.link, packet };
}

function replyPacket(
  seen: SeenPacket,
  fields: ReturnType<typeof tcpFields>,
): CasePacket | null {
  const between = { src: seen.destination.text, dst: seen.source.text };
  const ports = { sport: seen.destinationPort, dport: seen.sourcePort };
  switch (seen.protocol) {
    case 6:
      return { p: "tcp", ...between, ...ports, ...fields };
    case 17:
      return { p: "udp", ...between, ...ports };
    default:
      return seen.icmpType !== 8
        ? null
        : { p: "icmp", ...between, type: 0, code: 0, id: seen.sourcePort };
  }
}

/** Numbers of the answering side; those of the other are {@link tcpFields}. */
function replyFields(flags: string): ReturnType<typeof tcpFields> {
  return flags === "SA" ? tcpFields("SA") : { flags, seq: 5_001, ack: 1_001 };
}
