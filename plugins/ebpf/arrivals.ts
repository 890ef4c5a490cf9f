import type { Event } from "../../core/event.ts";
import type { Ip } from "../../core/packet/ip.ts";

/** Who took an address while the tape ran, and when. JSON-safe. */
interface Arrival {
  /** `namespace/name`. */
  readonly pod: string;
  readonly sinceNs: number;
}

/** By address; what was there from the start is left out. */
export type Arrivals = Record<string, Arrival>;

/** Notes the addresses of a pod that appears, or that changes them. */
export function noteArrival(arrivals: Arrivals, event: Event): void {
  if (event.type === "pod.deleted") {
    const gone = `${event.data.namespace}/${event.data.name}`;
    for (const [ip, { pod }] of Object.entries(arrivals)) {
      if (pod === gone) delete arrivals[ip];
    }
  } else if (event.type === "pod.applied" && event.timeNs > 0) {
    const { namespace, name, ips, hostNetwork, running } = event.data.pod;
    if (hostNetwork || !running) return;
    const pod = `${namespace}/${name}`;
    for (const { text } of ips) {
      if (arrivals[text]?.pod === pod) continue;
      arrivals[text] = { pod, sinceNs: event.timeNs };
    }
  }
}

/**
 * The window in which other nodes do not know whose an address is: the
 * identity reaches their ipcache through the API server, and until then the
 * address is the world's (bpf/lib/eps.h, lookup_ip4_remote_endpoint). How long
 * that takes is up to the cluster, and so to whoever asks.
 */
export class IdentityWindow {
  readonly #arrivals: Arrivals;
  readonly #delayNs: number;

  constructor(arrivals: Arrivals, delayNs: number) {
    this.#arrivals = arrivals;
    this.#delayNs = delayNs;
  }

  /** Whether an address is still too new to be known elsewhere. */
  has({ text }: Ip, nowNs: number): boolean {
    const arrival = this.#arrivals[text];
    return arrival !== undefined && nowNs < arrival.sinceNs + this.#delayNs;
  }
}
