import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";

/** What one side says became of a packet. */
export interface Fate {
  readonly kind:
    | "sent"
    | "delivered"
    | "refused"
    | "rejected"
    | "dropped"
    | "unknown";
  /** By which link it left. */
  readonly link: string | null;
  /** `10.0.0.2:4000 > 10.180.0.9:80 ttl 63`; of a rejected one how, of an unknown one why. */
  readonly detail: string;
  /** Rules it met, in order: `nat PREROUTING:1`. */
  readonly hits: readonly string[];
  /** Rules looked at; null where that is not known. */
  readonly scanned: number | null;
}

/** How the two sides differ over one packet. */
export interface Disagreement {
  /** Index of the packet. */
  readonly step: number;
  readonly kernel: Fate;
  readonly model: Fate;
}

/** Text of addresses, ports and what else both sides can tell. */
export function packetText(packet: Packet): string {
  const { source, destination, ttl, detail } = packet;
  const icmp = packet.protocol === PROTOCOL.icmp;
  const from = icmp ? source.text : `${source}:${packet.sourcePort}`;
  const to = icmp
    ? destination.text
    : `${destination}:${packet.destinationPort}`;
  const tos = detail?.typeOfService ?? 0;
  return `${from} > ${to} ttl ${ttl}${tos === 0 ? "" : ` tos ${tos}`}`;
}

/**
 * The first packet over which the sides differ. What the model says it does
 * not know is no disagreement, but from there on its state is not the
 * kernel's.
 */
export function firstDisagreement(
  kernel: readonly Fate[],
  model: readonly Fate[],
): Disagreement | "unknown" | null {
  for (let step = 0; step < kernel.length; step++) {
    const one = kernel[step]!;
    const other = model[step]!;
    if (other.kind === "unknown") return "unknown";
    if (!sameFate(one, other)) return { step, kernel: one, model: other };
  }
  return null;
}

function sameFate(kernel: Fate, model: Fate): boolean {
  // The kernel does not answer everything it rejects: no reset for a reset.
  const unanswered = model.kind === "rejected" && kernel.kind === "dropped";
  if (kernel.kind !== model.kind && !unanswered) return false;
  if (kernel.link !== model.link) return false;
  if (!unanswered && portless(kernel) !== portless(model)) return false;
  const counted = kernel.scanned !== null && model.scanned !== null;
  if (counted && kernel.scanned !== model.scanned) return false;
  return kernel.hits.length === model.hits.length &&
    kernel.hits.every((hit, index) => hit === model.hits[index]);
}

/** A source port that had to give way is replaced by any free one. */
function portless({ detail }: Fate): string {
  return detail.replace(
    /^([\d.]+):(?:\d+) >/,
    (whole, ip: string) => MOVED.test(whole) ? whole : `${ip}:other >`,
  );
}

/** Ports that cases draw; any other one was chosen on the way. */
const MOVED =
  /:(?:5[56]\d|100\d|150\d|400\d|3300\d|22|53|80|81|443|1500|8080|9090|15001) >$/;
