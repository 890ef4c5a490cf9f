import { Ip } from "../packet/ip.ts";
import type { Payload } from "../packet/packet.ts";
import type { Application } from "./flow.ts";

/** What an application reads from a connection; null when a proxy's wrapping is still round it. */
export function applicationReads(
  payload: Payload,
): Exclude<Payload, { kind: "tls" | "connect" }> | null {
  switch (payload.kind) {
    case "opaque":
    case "http":
      return payload;
    case "tls":
      return payload.by === "proxy" ? null : applicationReads(payload.inside);
    case "connect":
      return null;
  }
}

/** Whether a request is in there for a proxy that holds the keys. */
export function carriesHttp(payload: Payload): boolean {
  return payload.kind === "http" ||
    (payload.kind !== "opaque" && carriesHttp(payload.inside));
}

/** The bytes that an application puts on its connection. */
export function applicationPayload(
  application: Application,
  host: string,
): Payload {
  switch (application.kind) {
    case "opaque":
      return application;
    case "tls":
      return {
        kind: "tls",
        serverName: application.serverName,
        alpn: [],
        by: "application",
        clientIdentity: null,
        inside: { kind: "opaque", lengthBytes: 0 },
      };
    case "http": {
      const plain: Payload = { kind: "http", request: application.request };
      if (!application.tls) return plain;
      return {
        kind: "tls",
        serverName: Ip.parse(host) === undefined
          ? host
          : application.request.authority.replace(/:\d+$/, ""),
        alpn: ["h2", "http/1.1"],
        by: "application",
        clientIdentity: null,
        inside: plain,
      };
    }
  }
}
