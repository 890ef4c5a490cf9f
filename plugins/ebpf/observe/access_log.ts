import { HUBBLE_EVENT } from "../../../core/import/hubble_flow.ts";
import type { FlowResult } from "../../../core/replay/engine.ts";
import type { Hop } from "../../../core/replay/hop.ts";
import { type Event, type FlowFields, l4Of, type Way } from "./flow_event.ts";

/** What the node's proxy logs of a request or a question. */
export function accessLog(
  { direction, node }: Hop,
  { way, result }: { readonly way: Way; readonly result: FlowResult },
): Event[] {
  if (direction === "reply" || node === null) return [];
  const { flow, outcome } = result;
  const { application } = flow;
  const denied = outcome.verdict === "rejected";
  const event = (l7: FlowFields, reply: boolean): Event => ({
    node,
    way: reply
      ? { ...way, source: way.destination, destination: way.source }
      : way,
    fields: {
      l4: l4Of(
        reply
          ? { ...way, source: way.destination, destination: way.source }
          : way,
        reply,
      ),
      Type: "L7",
      verdict: denied ? "DROPPED" : "FORWARDED",
      event_type: { type: HUBBLE_EVENT.accessLog },
      is_reply: reply,
      l7,
    },
  });
  if (application.kind === "http") {
    const { method, authority, path, scheme } = application.request;
    const http = {
      method,
      url: `${scheme}://${authority}${path}`,
      protocol: "HTTP/1.1",
    };
    const code = outcome.http?.status;
    const asked = event({ type: "REQUEST", http }, false);
    if (code === undefined) return [asked];
    return [asked, event({ type: "RESPONSE", http: { ...http, code } }, true)];
  }
  if (application.kind !== "opaque" || application.question === undefined) {
    return [];
  }
  const query = `${application.question.replace(/\.$/, "")}.`;
  const dns = { query, qtypes: ["A"], observation_source: "proxy" };
  return denied
    ? [event({ type: "RESPONSE", dns: { ...dns, rcode: REFUSED } }, true)]
    : [event({ type: "REQUEST", dns }, false)];
}

/** RFC 1035, 4.1.1. */
const REFUSED = 5;
