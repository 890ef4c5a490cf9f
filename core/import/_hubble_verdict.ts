import { TCP_FLAG } from "../packet/packet.ts";
import type { Verdict } from "../replay/outcome.ts";
import {
  HUBBLE_VERDICTS,
  type HubbleFlow,
  type HubbleVerdict,
} from "./hubble_flow.ts";

/**
 * Folds the verdicts of a connection's lines, in their order, to one. A line
 * is of one hook: that a packet was forwarded at one says nothing of the next,
 * so a drop outweighs it, and only an answer that the client's node forwarded
 * outweighs the drop: the client tried again and got through.
 */
export class VerdictFold {
  /** In the order of `HUBBLE_VERDICTS`. */
  readonly #counts = HUBBLE_VERDICTS.map(() => 0);
  #verdict: Verdict = "unknown";
  #answered = false;
  #reason: string | null = null;

  add(flow: HubbleFlow, isReply: boolean): void {
    this.count(flow.verdict);
    switch (flow.verdict) {
      case "DROPPED":
        return this.#addDrop(flow);
      case "ERROR":
        if (!this.#answered) this.#verdict = "error";
        return;
      case "FORWARDED":
      case "AUDIT":
      case "REDIRECTED":
        if (isReply && flow.direction !== "ingress") {
          this.#answered = true;
          this.#verdict = "forwarded";
          this.#reason = null;
        } else if (this.#verdict === "unknown") {
          this.#verdict = "forwarded";
        }
    }
  }

  /** Counts a line that decides nothing of the connection. */
  count(verdict: HubbleVerdict): void {
    this.#counts[HUBBLE_VERDICTS.indexOf(verdict)]!++;
  }

  get verdict(): Verdict {
    return this.#verdict;
  }

  get reason(): string | null {
    return this.#reason;
  }

  has(verdict: HubbleVerdict): boolean {
    return this.#counts[HUBBLE_VERDICTS.indexOf(verdict)]! > 0;
  }

  get counts(): Partial<Record<HubbleVerdict, number>> {
    return Object.fromEntries(
      HUBBLE_VERDICTS.map((verdict, index) =>
        [verdict, this.#counts[index]!] as const
      ).filter(([, count]) => count > 0),
    );
  }

  #addDrop({ tcpFlags, dropReason, l7 }: HubbleFlow): void {
    const teardown = (tcpFlags & (TCP_FLAG.fin | TCP_FLAG.rst)) !== 0;
    // The last packets of a connection that has worked are often dropped, as
    // connection tracking has forgotten it.
    if (teardown && this.#verdict === "forwarded") return;
    this.#reason = dropReason;
    // A proxy drops a request by answering it.
    if (l7 !== null) this.#verdict = "rejected";
    else this.#verdict = this.#answered ? "error" : "dropped";
  }
}
