import { Ip } from "../packet/ip.ts";
import { TCP_FLAG } from "../packet/packet.ts";
import { redactHeader, redactTarget } from "../packet/redact.ts";
import { DROP_REASONS } from "./drop_reason.ts";
import {
  HUBBLE_EVENT,
  HUBBLE_VERDICTS,
  type HubbleEndpoint,
  type HubbleFlow,
  type HubbleL7,
  type HubbleVerdict,
  type RecordedPolicy,
  type ServiceName,
} from "./hubble_flow.ts";
import {
  booleanField,
  field,
  type JsonObject,
  numberField,
  objectField,
  objectsField,
  textField,
  textsField,
} from "./_json_fields.ts";
import { parseTimestamp } from "./timestamp.ts";

/** `policy_match_type` of a policy verdict, by number (pkg/monitor/api). */
const POLICY_MATCHES = [
  null,
  "L3",
  "L3-L4",
  "L4",
  "all",
  "L3-proto",
  "proto",
] as const;

const SOCKET_POINTS: Readonly<
  Record<string, { when: "before" | "after"; reverse: boolean }>
> = {
  SOCK_XLATE_POINT_PRE_DIRECTION_FWD: { when: "before", reverse: false },
  SOCK_XLATE_POINT_POST_DIRECTION_FWD: { when: "after", reverse: false },
  SOCK_XLATE_POINT_PRE_DIRECTION_REV: { when: "before", reverse: true },
  SOCK_XLATE_POINT_POST_DIRECTION_REV: { when: "after", reverse: true },
};

/** The verdict of a flow; undefined when it is none that exists. A zero value is not written. */
export function verdictOf(flow: JsonObject): HubbleVerdict | undefined {
  const value = field(flow, "verdict");
  if (value === undefined || value === null) return "VERDICT_UNKNOWN";
  if (typeof value === "number") return HUBBLE_VERDICTS[value];
  return HUBBLE_VERDICTS.find((verdict) => verdict === value);
}

/** Reads a flow whose verdict exists. Fields that are unknown, or not as they should be, count as absent. */
export function readHubbleFlow(
  flow: JsonObject,
  from: { readonly envelope: JsonObject; readonly line: number },
): HubbleFlow {
  const l4 = readL4(objectField(flow, "l4"));
  const ip = objectField(flow, "IP");
  const node = textField(flow, "node_name") ||
    textField(from.envelope, "node_name");
  const direction = textField(flow, "traffic_direction").toLowerCase();
  return {
    line: from.line,
    timeNs: readTime(field(flow, "time") ?? field(from.envelope, "time")),
    node: node.slice(node.lastIndexOf("/") + 1),
    verdict: verdictOf(flow) ?? "VERDICT_UNKNOWN",
    dropReason: readDropReason(flow),
    protocol: l4.protocol,
    source: readEndpoint(objectField(flow, "source"), {
      ip: textField(ip, "source"),
      port: l4.sourcePort,
    }),
    destination: readEndpoint(objectField(flow, "destination"), {
      ip: textField(ip, "destination"),
      port: l4.destinationPort,
    }),
    sourceXlated: Ip.parse(textField(ip, "source_xlated")) ?? null,
    tcpFlags: l4.tcpFlags,
    icmp: l4.icmp,
    isReply: readIsReply(flow),
    eventType: readEventType(flow),
    direction: direction === "ingress" || direction === "egress"
      ? direction
      : null,
    socketPoint: readSocketPoint(flow),
    encrypted: booleanField(ip, "encrypted") ?? false,
    sourceService: readService(objectField(flow, "source_service")),
    destinationService: readService(objectField(flow, "destination_service")),
    allowedBy: readPolicies(flow, "allowed_by"),
    deniedBy: readPolicies(flow, "denied_by"),
    policyMatch: POLICY_MATCHES[numberField(flow, "policy_match_type")] ?? null,
    proxyPort: numberField(flow, "proxy_port"),
    authentication: textField(flow, "auth_type") || null,
    traceReason: textField(flow, "trace_reason") || null,
    l7: readL7(objectField(flow, "l7")),
  };
}

/** RFC 3339 text, or the seconds and nanos of output before jsonpb. */
function readTime(value: unknown): bigint | null {
  if (typeof value === "string") return parseTimestamp(value) ?? null;
  if (typeof value !== "object" || value === null) return null;
  const parts = value as JsonObject;
  const seconds = numberField(parts, "seconds");
  const nanos = numberField(parts, "nanos");
  if (!Number.isSafeInteger(seconds) || !Number.isSafeInteger(nanos)) {
    return null;
  }
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}

/** `drop_reason_desc`, or the name for the deprecated number beside it. */
function readDropReason(flow: JsonObject): string | null {
  const text = textField(flow, "drop_reason_desc");
  if (text !== "" && text !== "DROP_REASON_UNKNOWN") return text;
  const number = numberField(flow, "drop_reason_desc") ||
    numberField(flow, "drop_reason");
  if (number === 0) return null;
  return DROP_REASONS.get(number) ?? `DROP_REASON_${number}`;
}

/** The deprecated `reply` is false when nobody knows, so only its true says anything. */
function readIsReply(flow: JsonObject): boolean | null {
  return booleanField(flow, "is_reply") ??
    (booleanField(flow, "reply") === true ? true : null);
}

/** Older versions, and masks of fields, leave the event type out. */
function readEventType(flow: JsonObject): number {
  const type = numberField(objectField(flow, "event_type"), "type");
  if (type !== 0) return type;
  if (field(flow, "l7") !== undefined) return HUBBLE_EVENT.accessLog;
  if (textField(flow, "Type") === "SOCK") return HUBBLE_EVENT.socket;
  return field(flow, "drop_reason_desc") === undefined ? 0 : HUBBLE_EVENT.drop;
}

interface L4 {
  readonly protocol: HubbleFlow["protocol"];
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly tcpFlags: number;
  readonly icmp: HubbleFlow["icmp"];
}

function readL4(l4: JsonObject | undefined): L4 {
  for (
    const [name, protocol] of [
      ["TCP", "tcp"],
      ["UDP", "udp"],
      ["SCTP", "sctp"],
    ] as const
  ) {
    const header = objectField(l4, name);
    if (header === undefined) continue;
    return {
      protocol,
      sourcePort: numberField(header, "source_port"),
      destinationPort: numberField(header, "destination_port"),
      tcpFlags: readTcpFlags(objectField(header, "flags")),
      icmp: null,
    };
  }
  const none = { sourcePort: 0, destinationPort: 0, tcpFlags: 0 };
  for (const [name, family] of [["ICMPv4", 4], ["ICMPv6", 6]] as const) {
    const header = objectField(l4, name);
    if (header === undefined) continue;
    const type = numberField(header, "type");
    const code = numberField(header, "code");
    return { ...none, protocol: "icmp", icmp: { family, type, code } };
  }
  return { ...none, protocol: null, icmp: null };
}

function readTcpFlags(flags: JsonObject | undefined): number {
  let bits = 0;
  for (const [name, bit] of Object.entries(TCP_FLAG)) {
    if (booleanField(flags, name.toUpperCase()) === true) bits |= bit;
  }
  return bits;
}

function readEndpoint(
  endpoint: JsonObject | undefined,
  address: { ip: string; port: number },
): HubbleEndpoint {
  return {
    ip: Ip.parse(address.ip) ?? null,
    port: address.port,
    namespace: textField(endpoint, "namespace"),
    pod: textField(endpoint, "pod_name"),
    identity: numberField(endpoint, "identity"),
    labels: textsField(endpoint, "labels"),
  };
}

function readSocketPoint(flow: JsonObject): HubbleFlow["socketPoint"] {
  const name = textField(flow, "sock_xlate_point");
  if (!Object.hasOwn(SOCKET_POINTS, name)) return null;
  const cookie = field(flow, "socket_cookie");
  return { ...SOCKET_POINTS[name]!, cookie: `${cookie ?? ""}` };
}

function readService(service: JsonObject | undefined): ServiceName | null {
  const name = textField(service, "name");
  return name === ""
    ? null
    : { namespace: textField(service, "namespace"), name };
}

function readPolicies(
  flow: JsonObject,
  suffix: "allowed_by" | "denied_by",
): RecordedPolicy[] {
  return (["ingress", "egress"] as const).flatMap((direction) =>
    objectsField(flow, `${direction}_${suffix}`).map((policy) => ({
      direction,
      kind: textField(policy, "kind"),
      namespace: textField(policy, "namespace"),
      name: textField(policy, "name"),
      revision: numberField(policy, "revision"),
    }))
  );
}

function readL7(l7: JsonObject | undefined): HubbleL7 | null {
  if (l7 === undefined) return null;
  const type = textField(l7, "type");
  const http = objectField(l7, "http");
  const dns = objectField(l7, "dns");
  return {
    type: type === "REQUEST" || type === "RESPONSE" || type === "SAMPLE"
      ? type
      : "",
    http: http === undefined ? null : {
      code: numberField(http, "code"),
      method: textField(http, "method"),
      url: redactTarget(textField(http, "url")),
      headers: objectsField(http, "headers").map((header) => {
        const name = textField(header, "key");
        return [name, redactHeader(name, textField(header, "value"))];
      }),
    },
    dns: dns === undefined ? null : {
      query: textField(dns, "query"),
      rcode: numberField(dns, "rcode"),
      ips: textsField(dns, "ips"),
      types: textsField(dns, "qtypes"),
    },
  };
}
