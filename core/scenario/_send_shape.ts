import { nearest } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { Ip } from "../packet/ip.ts";
import type { Application } from "../replay/flow.ts";
import { parsePlace, parseTarget, TARGET_FORMS } from "../replay/flow_text.ts";
import { parseDuration } from "./duration.ts";
import type { Send, Sender } from "./scenario.ts";
import { type Cursor } from "./_cursor.ts";
import { entries, mapping, may, must } from "./_mapping.ts";
import { integer, type ReadAs, refine, text, textAs } from "./_shape.ts";

const SENDER_FORMS =
  "pod/NAMESPACE/NAME, deploy/NAMESPACE/NAME, node/NAME or ip/ADDRESS";

/** Workloads whose first pod may be named as a sender. */
const WORKLOADS: Readonly<Record<string, string>> = {
  deploy: "Deployment",
  deployment: "Deployment",
  daemonset: "DaemonSet",
  ds: "DaemonSet",
  statefulset: "StatefulSet",
  sts: "StatefulSet",
  replicaset: "ReplicaSet",
  rs: "ReplicaSet",
  job: "Job",
};

const PORT = { min: 0, max: 65_535 };
const PROTOCOLS: readonly string[] = ["tcp", "udp", "icmp", "sctp"];

/** A moment or a span of virtual time. */
export const duration = textAs(parseDuration, "a duration: 1s, 250ms, 1m30s");

const sender = textAs(readSender, SENDER_FORMS);
const target = textAs(readTarget, TARGET_FORMS);
const url = textAs(
  parseUrl,
  "http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH",
);

const http = mapping({
  method: may(
    textAs(
      (word) => /^[!#$%&'*+.^_`|~\w-]+$/.test(word) ? word : undefined,
      "a request method: GET, POST",
    ),
    "Request method; GET when left out.",
  ),
  url: must(url, "What is asked for; its path is sent as written."),
  headers: may(
    entries(text(), { max: LIMITS.scenarioEntries }),
    "Request headers.",
  ),
});

const fields = mapping({
  from: must(sender, `Who sends: ${SENDER_FORMS}.`),
  via: may(
    textAs(parseNode, "node/NAME"),
    "Node at which packets from outside arrive.",
  ),
  to: may(
    target,
    "Where to; with http, an address in place of the url's host.",
  ),
  http: may(http, "An HTTP request on the connection."),
  dns: may(text(), "The name that is asked for; `to` names the server."),
  tls: may(
    mapping({
      serverName: may(text(), "Server name of the client hello."),
    }),
    "TLS by the application itself.",
  ),
  connection: may(text(), "Flows of one name are sent on one socket."),
  sourcePort: may(integer({ ...PORT, min: 1 }), "Source port."),
  count: may(
    integer({ min: 1, max: LIMITS.flowsPerStep }),
    "How many times it is sent, each on a connection of its own.",
  ),
  every: may(duration, "Time between one and the next; 1ms when left out."),
});

/** Traffic of a step. */
export const sendShape = refine(fields, toSend);

function toSend(
  read: ReadAs<typeof fields>,
  cursor: Cursor,
): Send | undefined {
  const { from, via, to, http, tls } = read;
  if (to === undefined && http === undefined) {
    const written = ["to", "http"].some((key) => key in Object(cursor.value));
    if (written) return undefined;
    return cursor.fail("to is missing", { expected: "to, or http with a url" });
  }
  if (http !== undefined && to !== undefined && to.protocol !== "tcp") {
    return cursor.below("to").fail("HTTP goes over tcp", {
      expected: "tcp://HOST:PORT",
    });
  }
  if (http !== undefined && tls !== undefined) {
    return cursor.below("tls").fail("http brings its own", {
      expected: "an https:// url in http",
    });
  }
  if (via !== undefined && from.kind !== "outside") {
    return cursor.below("via").fail("the sender is in the cluster", {
      expected: "via with a sender ip/ADDRESS only",
    });
  }
  return {
    at: read.position,
    from,
    via: via ?? null,
    to: to?.to ?? { host: http!.url.host, port: http!.url.port },
    protocol: to?.protocol ?? "tcp",
    sourcePort: read.sourcePort ?? null,
    connection: read.connection ?? null,
    application: applicationOf(read),
    count: read.count ?? 1,
    everyNs: read.every ?? 1_000_000,
  };
}

function applicationOf(
  { http, tls, dns }: ReadAs<typeof fields>,
): Application {
  if (http !== undefined) {
    const { scheme, authority, path } = http.url;
    const headers = (http.headers ?? [])
      .map(({ key, value }) => [key, value] as const);
    const method = http.method ?? "GET";
    return {
      kind: "http",
      request: { method, scheme, authority, path, headers },
      tls: scheme === "https",
    };
  }
  if (tls === undefined) {
    const question = dns === undefined ? {} : { question: dns };
    return { kind: "opaque", lengthBytes: 64, ...question };
  }
  return { kind: "tls", serverName: tls.serverName ?? null };
}

function readSender(written: string, cursor: Cursor): Sender | undefined {
  const place = parsePlace(written);
  if (place?.kind === "outside") {
    return { kind: "outside", ip: Ip.of(place.ip).text };
  }
  if (place !== undefined) return place;
  const [kind = "", namespace, name, ...rest] = written.split("/");
  const workload = Object.hasOwn(WORKLOADS, kind) ? WORKLOADS[kind] : undefined;
  if (workload !== undefined && namespace && name && rest.length === 0) {
    return { kind: "workload", workload, namespace, name };
  }
  const kinds = ["pod", "node", "ip", ...Object.keys(WORKLOADS)];
  if (kinds.includes(kind)) return undefined;
  return cursor.fail(`there is no place of kind ${kind}`, {
    expected: SENDER_FORMS,
    didYouMean: nearest(kind, kinds),
  });
}

function parseNode(written: string): string | undefined {
  const name = written.startsWith("node/") ? written.slice(5) : written;
  return name === "" || name.includes("/") ? undefined : name;
}

function readTarget(written: string, cursor: Cursor) {
  const target = parseTarget(written);
  const [, scheme] = /^([A-Za-z0-9]+):\/\//.exec(written) ?? [];
  if (target !== undefined || scheme === undefined) return target;
  if (PROTOCOLS.includes(scheme)) return undefined;
  return cursor.fail(`there is no protocol ${scheme}`, {
    expected: TARGET_FORMS,
    didYouMean: scheme.startsWith("http")
      ? "http: {url: …}"
      : nearest(scheme, PROTOCOLS),
  });
}

function parseUrl(written: string) {
  const [, scheme, authority = "", path = ""] =
    /^(https?):\/\/([^/?#\s]+)([/?][^\s]*)?$/.exec(written) ?? [];
  const split = splitAuthority(authority);
  if (split === undefined || (scheme !== "http" && scheme !== "https")) {
    return undefined;
  }
  return {
    scheme: scheme as "http" | "https",
    authority,
    host: split.host,
    port: split.port ?? (scheme === "https" ? 443 : 80),
    path: path.startsWith("/") ? path : `/${path}`,
  };
}

/** `host`, `host:port`, `[v6]`, `[v6]:port`. */
function splitAuthority(
  written: string,
): { host: string; port: number | null } | undefined {
  const [, v6, name, digits] =
    /^(?:\[([^\]]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(written) ?? [];
  const host = v6 === undefined ? name : Ip.parse(v6)?.text;
  const port = digits === undefined ? null : Number(digits);
  if (host === undefined || (port !== null && (port < 1 || port > PORT.max))) {
    return undefined;
  }
  return { host, port };
}
