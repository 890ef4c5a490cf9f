import { LIMITS } from "../limits.ts";
import type { HttpRequest } from "../packet/packet.ts";
import type { Verdict } from "../replay/outcome.ts";
import type { HubbleFlow } from "./hubble_flow.ts";

/** An HTTP request that proxies logged, and what became of it. */
export interface RecordedRequest {
  readonly line: number;
  readonly timeNs: bigint;
  readonly request: HttpRequest;
  status: number | null;
  verdict: Verdict;
  reason: string | null;
}

/** A request while its answer is waited for. */
interface Pending extends RecordedRequest {
  /** Method and URL: what the lines of one request have in common. */
  readonly key: string;
  /** Which proxies logged it: the sender's (egress) and the receiver's (ingress) may both. */
  readonly asked: Set<string>;
  readonly answered: Set<string>;
}

/** The HTTP requests of one connection. */
export class RequestFold {
  readonly #requests: Pending[] = [];

  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  add(flow: HubbleFlow, timeNs: bigint): void {
    const { l7 } = flow;
    if (l7 === null || l7.http === null || l7.type === "SAMPLE") return;
    const { http } = l7;
    const key = `${http.method} ${http.url}`;
    const proxy = flow.direction ?? "";
    const isAnswer = l7.type === "RESPONSE";
    const pending =
      this.#requests.find((one) =>
        one.key === key && !(isAnswer ? one.answered : one.asked).has(proxy) &&
        // A second request of the same words comes after the first is answered.
        (isAnswer || one.answered.size === 0)
      ) ?? this.#open(flow, { key, timeNs });
    if (pending === undefined) return;
    pending.asked.add(proxy);
    if (flow.verdict === "DROPPED") {
      pending.verdict = "rejected";
      pending.reason = flow.dropReason;
    } else if (flow.verdict === "ERROR") {
      pending.verdict = "error";
    } else if (pending.verdict === "unknown") {
      pending.verdict = "forwarded";
    }
    if (isAnswer) {
      pending.answered.add(proxy);
      if (http.code !== 0) pending.status = http.code;
    }
  }

  #open(
    flow: HubbleFlow,
    { key, timeNs }: { key: string; timeNs: bigint },
  ): Pending | undefined {
    const http = flow.l7?.http;
    if (!http || this.#requests.length === LIMITS.recordedDetails) return;
    const pending: Pending = {
      line: flow.line,
      timeNs,
      key,
      request: {
        method: http.method,
        ...splitUrl(http.url),
        headers: http.headers,
      },
      status: null,
      verdict: "unknown",
      reason: null,
      asked: new Set(),
      answered: new Set(),
    };
    this.#requests.push(pending);
    return pending;
  }
}

/** A proxy logs the whole URL, or only the path where it does not know the host. */
function splitUrl(
  url: string,
): Pick<HttpRequest, "scheme" | "authority" | "path"> {
  const match = /^(https?):\/\/([^/?#]*)(.*)$/i.exec(url);
  if (match === null) {
    return { scheme: "http", authority: "", path: url || "/" };
  }
  const authority = match[2]!;
  return {
    scheme: match[1]!.toLowerCase() === "https" ? "https" : "http",
    authority: authority.slice(authority.lastIndexOf("@") + 1),
    path: match[3] || "/",
  };
}
