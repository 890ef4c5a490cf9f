import { LIMITS } from "../limits.ts";
import { parseClientHello } from "../packet/client_hello.ts";
import { type DecodedPacket, decodeFrame } from "../packet/decode.ts";
import { parseHttpRequest } from "../packet/http_request.ts";
import { TCP_FLAG } from "../packet/packet.ts";
import type { Application, FlowIntent } from "../replay/flow.ts";
import { RecentMap } from "./_recent_map.ts";
import { ConnectionTable } from "./_connection_table.ts";
import {
  type Endpoint,
  firstSequence,
  isAnswer,
  isRequest,
  isSyn,
  reasonToSkip,
  type Segment,
  segmentOf,
  sequenceKeys,
} from "./_segment.ts";
import { Tally } from "./_tally.ts";
import type {
  CaptureFlow,
  CaptureRecord,
  CaptureStats,
} from "./capture_record.ts";
import type { CapturedPacket } from "./captured_packet.ts";
import {
  addressText,
  isIdle,
  outsidePlace,
  type PlaceOf,
  RecordingClock,
} from "./recorded_flow.ts";
import { formatTimestamp } from "./timestamp.ts";

/** How to name and place the flows of a capture. */
export interface PacketFoldOptions {
  readonly file: string;
  /** Begins the id of every flow; the number of its first packet ends it. */
  readonly name?: string;
  readonly placeOf?: PlaceOf;
  readonly openConnections?: number;
}

interface Connection {
  readonly first: Pick<CapturedPacket, "number" | "offset" | "interface">;
  readonly startNs: bigint;
  readonly protocol: FlowIntent["protocol"];
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly opening: CaptureRecord["opening"];
  readonly tunnel: CaptureRecord["tunnel"];
  /** The client's first sequence number, null when it was not seen. */
  readonly sequence: number | null;
  /** What a NAT made of the server, when the capture shows that too. */
  translatedTo: Endpoint | null;
  lastNs: bigint;
  packets: number;
  replies: number;
  ending: CaptureRecord["ending"];
  application: Application | null;
}

/**
 * Folds captured packets to flows: one for each connection, in the direction
 * in which it was opened. A packet in a tunnel is its inner packet.
 *
 * A SYN with another sequence number is another connection on the same ports;
 * one with the same number to another receiver is the same connection behind
 * a NAT, seen at a second interface, and the first one is what was meant.
 */
export class PacketFold {
  readonly #options: Required<PacketFoldOptions>;
  readonly #table: ConnectionTable<Connection>;
  /** By client or server and first sequence number, which no NAT changes. */
  readonly #opened = new RecentMap<Connection>(LIMITS.recentTranslations);
  readonly #clock = new RecordingClock();
  readonly #skipped = new Tally();
  #done: CaptureFlow[] = [];
  #packets = 0;
  #folded = 0;
  #flows = 0;
  #truncated = 0;
  #evicted = 0;

  constructor(options: PacketFoldOptions) {
    this.#options = {
      name: "capture",
      placeOf: outsidePlace,
      openConnections: 0,
      ...options,
    };
    this.#table = new ConnectionTable(options.openConnections);
  }

  add(captured: CapturedPacket): void {
    this.#packets++;
    const timeNs = this.#clock.see(captured.timeNs);
    const decoded = decodeFrame(captured.bytes, captured);
    const skip = reasonToSkip(decoded);
    if (skip !== null || decoded.family === null) {
      this.#skipped.add(skip ?? "other");
      return;
    }
    if (decoded.truncated) this.#truncated++;
    this.#folded++;
    const segment = segmentOf(decoded, { captured, timeNs });
    const connection = this.#find(segment) ?? this.#open(segment);
    this.#follow(connection, segment);
  }

  /** The flows that ended since the last call; not in the order in which they began. */
  take(): CaptureFlow[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  /** The flows that are left when no more packets come. */
  *finish(): Generator<CaptureFlow> {
    yield* this.take();
    const open = this.#table.drain();
    open.sort((a, b) => b.first.number - a.first.number);
    for (let last = open.pop(); last !== undefined; last = open.pop()) {
      yield this.#flowOf(last);
    }
  }

  stats(incomplete: readonly string[] = []): CaptureStats {
    const { startNs } = this.#clock;
    return {
      packets: this.#packets,
      folded: this.#folded,
      flows: this.#flows,
      skipped: this.#skipped.toRecord(),
      truncated: this.#truncated,
      evicted: this.#evicted,
      start: startNs === null ? null : formatTimestamp(startNs),
      incomplete,
    };
  }

  #find(segment: Segment): Connection | undefined {
    const connection = this.#table.get(segment.key);
    if (connection !== undefined && isAnother(connection, segment)) {
      this.#table.remove(connection);
      this.#done.push(this.#flowOf(connection));
      return undefined;
    }
    if (connection !== undefined || !isSyn(segment)) return connection;
    const { from, to } = segment;
    const [byClient, byServer] = sequenceKeys(segment);
    const translated = this.#opened.get(byClient) ?? this.#opened.get(byServer);
    if (translated === undefined || !this.#table.has(translated)) {
      return undefined;
    }
    this.#table.alias(segment.key, translated);
    if (from.key === translated.client.key) {
      translated.translatedTo = to;
    }
    return translated;
  }

  #open(segment: Segment): Connection {
    const answer = isAnswer(segment);
    const [client, server] = answer
      ? [segment.to, segment.from]
      : [segment.from, segment.to];
    const { captured, decoded, timeNs } = segment;
    const connection: Connection = {
      first: {
        number: captured.number,
        offset: captured.offset,
        interface: captured.interface,
      },
      startNs: timeNs,
      protocol: segment.protocol,
      client,
      server,
      opening: answer
        ? "answer"
        : isRequest(segment)
        ? "request"
        : "first packet",
      tunnel: tunnelOf(decoded),
      sequence: firstSequence(decoded),
      translatedTo: null,
      lastNs: timeNs,
      packets: 0,
      replies: 0,
      ending: "open",
      application: null,
    };
    const evicted = this.#table.add(segment.key, connection);
    if (evicted !== undefined) {
      this.#evicted++;
      this.#done.push(this.#flowOf(evicted));
    }
    return connection;
  }

  #follow(connection: Connection, segment: Segment): void {
    this.#table.touch(connection);
    const { decoded, captured } = segment;
    connection.packets++;
    connection.lastNs = segment.timeNs;
    if (isSyn(segment)) {
      for (const key of sequenceKeys(segment)) {
        this.#opened.set(key, connection);
      }
    }
    const flags = decoded.tcp?.flags ?? 0;
    if (flags & TCP_FLAG.rst) connection.ending = "reset";
    else if (flags & TCP_FLAG.fin && connection.ending === "open") {
      connection.ending = "closed";
    }
    if (isFromServer(connection, segment)) {
      connection.replies++;
    } else if (connection.application === null && decoded.payloadBytes > 0) {
      const { start, end } = decoded.payload;
      connection.application = applicationOf(
        captured.bytes.subarray(start, end),
        { protocol: segment.protocol, lengthBytes: decoded.payloadBytes },
      );
    }
  }

  #flowOf(connection: Connection): CaptureFlow {
    const { first, client, server, protocol, translatedTo } = connection;
    const { file, name, placeOf } = this.#options;
    this.#flows++;
    return {
      flow: {
        id: `${name}:${first.number}`,
        from: placeOf(client.ip),
        to: {
          host: server.ip.text,
          port: protocol === "icmp" ? 0 : server.port,
        },
        protocol,
        sourcePort: client.port,
        connection: null,
        application: authorised(
          connection.application ?? { kind: "opaque", lengthBytes: 0 },
          server,
        ),
      },
      timeNs: this.#clock.tapeNs(connection.startNs),
      source: { file, line: 1, column: first.offset + 1 },
      recorded: {
        firstPacket: first.number,
        packets: connection.packets,
        replies: connection.replies,
        opening: connection.opening,
        ending: connection.ending,
        interface: first.interface,
        tunnel: connection.tunnel,
        translatedTo: translatedTo &&
          addressText(translatedTo.ip, translatedTo.port),
      },
    };
  }
}

function isFromServer(connection: Connection, { from }: Segment): boolean {
  return from.key === connection.server.key ||
    from.key === connection.translatedTo?.key;
}

/** Whether a packet under the keys of a connection begins another one. */
function isAnother(connection: Connection, segment: Segment): boolean {
  if (isSyn(segment)) {
    if (isFromServer(connection, segment)) {
      return connection.ending !== "open";
    }
    return connection.sequence === null
      ? connection.ending !== "open"
      : connection.sequence !== segment.decoded.tcp?.sequence;
  }
  return isIdle(segment.protocol, segment.timeNs - connection.lastNs);
}

function tunnelOf({ tunnel }: DecodedPacket): CaptureRecord["tunnel"] {
  if (tunnel === null) return null;
  const { kind, vni, outer } = tunnel;
  return {
    kind,
    vni,
    source: outer.source.text,
    destination: outer.destination.text,
  };
}

/** What the first bytes of a sender are. */
function applicationOf(
  bytes: Uint8Array,
  segment: { protocol: FlowIntent["protocol"]; lengthBytes: number },
): Application {
  if (segment.protocol === "tcp") {
    const request = parseHttpRequest(bytes);
    if (request !== undefined) return { kind: "http", request, tls: false };
    const hello = parseClientHello(bytes);
    if (hello !== undefined) {
      return { kind: "tls", serverName: hello.serverName };
    }
  }
  return { kind: "opaque", lengthBytes: segment.lengthBytes };
}

/** HTTP/1.0 has no Host header: the address is all that the client asked for. */
function authorised(application: Application, server: Endpoint): Application {
  if (application.kind !== "http" || application.request.authority !== "") {
    return application;
  }
  const authority = addressText(server.ip, server.port);
  return { ...application, request: { ...application.request, authority } };
}
