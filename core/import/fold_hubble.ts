import { LIMITS } from "../limits.ts";
import { ECHO } from "../packet/icmp.ts";
import { TCP_FLAG } from "../packet/packet.ts";
import type { FlowIntent } from "../replay/flow.ts";
import { ConnectionTable } from "./_connection_table.ts";
import { type Addressed, HubbleConnection } from "./_hubble_connection.ts";
import type { HubbleFlow } from "./hubble_flow.ts";
import { addressText, isIdle, RecordingClock } from "./recorded_flow.ts";
import { isAddressed, SocketTranslations } from "./_socket_translations.ts";

/** How long after a client's packet to a Service its packet to the backend may be seen. */
const TRANSLATION_NS = 1_000_000_000n;

/** A line that can belong to a connection. */
interface Sighting {
  readonly flow: HubbleFlow;
  readonly protocol: FlowIntent["protocol"];
  readonly timeNs: bigint;
  readonly source: Addressed;
  readonly destination: Addressed;
}

/**
 * Folds flow lines to connections. Lines are what the datapath did to a
 * packet, not what its sender meant: one connection has a line for each hook,
 * node and direction, most of them after the translation of the destination.
 * The Service is recovered from a line before the translation, from a reply
 * whose source was translated back, or from the socket's events.
 */
export class HubbleFold {
  readonly clock = new RecordingClock();
  readonly #table: ConnectionTable<HubbleConnection>;
  readonly #sockets = new SocketTranslations();
  readonly #labels = new Map<string, readonly string[]>();
  #done: HubbleConnection[] = [];
  #evicted = 0;

  constructor(options: { openConnections?: number } = {}) {
    this.#table = new ConnectionTable(options.openConnections);
  }

  /** Connections closed early for others. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Takes a line in; or says why it is no part of a connection. */
  add(flow: HubbleFlow): string | null {
    const timeNs = this.clock.see(flow.timeNs);
    if (flow.socketPoint !== null) {
      this.#sockets.add(flow);
      return null;
    }
    const { source, destination, protocol } = flow;
    if (!isAddressed(source) || !isAddressed(destination)) return "no address";
    if (protocol === null) return "no transport protocol";
    if (flow.icmp !== null && echoOf(flow) === undefined) {
      return `ICMPv${flow.icmp.family} type ${flow.icmp.type}`;
    }
    this.#fold({ flow, protocol, timeNs, source, destination });
    return null;
  }

  /** The connections that ended since the last call. */
  take(): HubbleConnection[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  /** The connections that are left when no more lines come. */
  *finish(): Generator<HubbleConnection> {
    yield* this.take();
    const open = this.#table.drain();
    open.sort((a, b) => b.firstLine - a.firstLine);
    for (let last = open.pop(); last !== undefined; last = open.pop()) {
      yield this.#ended(last);
    }
  }

  #fold(sighting: Sighting): void {
    const { flow, source, timeNs } = sighting;
    const known = this.#table.get(sightingKey(sighting));
    if (known !== undefined && isAnother(known, sighting)) {
      this.#table.remove(known);
      this.#done.push(this.#ended(known));
      return this.#fold(sighting);
    }
    const isReply = known === undefined
      ? isReplyOf(flow)
      : flow.isReply ?? !known.isClient(source);
    const connection = known ?? this.#findTranslated(sighting, isReply) ??
      this.#open(sighting, isReply);
    this.#learnService(connection, { sighting, isReply });
    connection.add(flow, { isReply, timeNs });
    this.#table.touch(connection);
  }

  /** A connection of the same client socket that the line shows on the other side of the translation. */
  #findTranslated(
    sighting: Sighting,
    isReply: boolean,
  ): HubbleConnection | undefined {
    const { client, server } = endsOf(sighting, isReply);
    if (sighting.protocol === "icmp") return undefined;
    const found = this.#table.get(clientKey(sighting.protocol, client));
    if (found === undefined) return undefined;
    const { flow, timeNs } = sighting;
    if (found.receiver?.ip.equals(server.ip)) {
      // A translated reply has the Service's port, and an open from one has no other.
      const port = found.receiver.port;
      if (port !== 0 && flow.sourceXlated === null) return undefined;
      if (port === 0 && flow.sourceXlated === null) found.backend = server;
    } else {
      const silenceNs = timeNs - found.lastNs;
      if (silenceNs > TRANSLATION_NS || silenceNs < -TRANSLATION_NS) {
        return undefined;
      }
      if ((isReply ? flow.sourceService : flow.destinationService) !== null) {
        if (!mayServe(found, server)) return undefined;
      } else {
        if (!found.serverIsService || found.backend !== null) return undefined;
        const port = flow.sourceXlated === null ? server.port : 0;
        found.backend = { ...server, port };
      }
    }
    this.#table.alias(sightingKey(sighting), found);
    return found;
  }

  #open(sighting: Sighting, isReply: boolean): HubbleConnection {
    const { flow, protocol, timeNs } = sighting;
    const { client, server } = endsOf(sighting, isReply);
    const connection = new HubbleConnection(flow, {
      client: this.#sharingLabels(client),
      server: this.#sharingLabels(server),
      protocol,
      timeNs,
    });
    const evicted = this.#table.add(sightingKey(sighting), connection);
    if (evicted !== undefined) {
      this.#evicted++;
      this.#done.push(this.#ended(evicted));
    }
    if (protocol !== "icmp") {
      this.#table.alias(clientKey(protocol, client), connection);
      connection.service =
        this.#sockets.find(protocol, { client, backend: server }) ?? null;
    }
    return connection;
  }

  /** Every line has its labels anew, and an identity has the same ones on all of its connections. */
  #sharingLabels(endpoint: Addressed): Addressed {
    const text = endpoint.labels.join(" ");
    const shared = this.#labels.get(text);
    if (shared !== undefined) return { ...endpoint, labels: shared };
    if (this.#labels.size === LIMITS.labelSets) this.#labels.clear();
    this.#labels.set(text, endpoint.labels);
    return endpoint;
  }

  #learnService(
    connection: HubbleConnection,
    seen: { sighting: Sighting; isReply: boolean },
  ): void {
    const { sighting, isReply } = seen;
    const { flow, source } = sighting;
    const { server } = endsOf(sighting, isReply);
    const name = isReply ? flow.sourceService : flow.destinationService;
    if (isReply && flow.sourceXlated !== null) {
      const at = nobody(flow.sourceXlated, source.port);
      if (connection.service === null) {
        connection.service = { at, name: null, from: "reply" };
        // Opened by this reply: its port is the Service's, not the backend's.
        if (connection.lineCount === 0) {
          connection.server = at;
          connection.backend = { ...server, port: 0 };
          this.#table.alias(
            connectionKey(sighting.protocol, connection.client, at),
            connection,
          );
        }
      }
    } else if (name !== null && connection.service?.from !== "destination") {
      // Whatever has a Service's name has a Service's address.
      connection.service = { at: server, name, from: "destination" };
    }
  }

  #ended(connection: HubbleConnection): HubbleConnection {
    const { protocol, client, receiver } = connection;
    if (connection.service === null && receiver !== null) {
      connection.service =
        this.#sockets.find(protocol, { client, backend: receiver }) ?? null;
    }
    return connection;
  }
}

/** Whether a Service's line that comes late, from a node whose clock lags, is of a connection seen behind it. */
function mayServe(connection: HubbleConnection, server: Addressed): boolean {
  const { service, protocol } = connection;
  if (service === null) return protocol === "tcp";
  return service.at.port === server.port && service.at.ip.equals(server.ip);
}

function endsOf(sighting: Sighting, isReply: boolean) {
  const { source, destination } = sighting;
  return isReply
    ? { client: destination, server: source }
    : { client: source, server: destination };
}

function sightingKey({ protocol, source, destination }: Sighting): string {
  return connectionKey(protocol, source, destination);
}

function connectionKey(protocol: string, a: Addressed, b: Addressed): string {
  const [one, other] = [addressText(a.ip, a.port), addressText(b.ip, b.port)];
  return one < other
    ? `${protocol} ${one} ${other}`
    : `${protocol} ${other} ${one}`;
}

function clientKey(protocol: string, client: Addressed): string {
  return `client ${protocol} ${addressText(client.ip, client.port)}`;
}

function nobody(ip: Addressed["ip"], port: number): Addressed {
  return { ip, port, namespace: "", pod: "", identity: 0, labels: [] };
}

/** Whether a line under the keys of a connection begins another one. */
function isAnother(connection: HubbleConnection, sighting: Sighting): boolean {
  const { flow, timeNs, source } = sighting;
  const syn = (flow.tcpFlags & (TCP_FLAG.syn | TCP_FLAG.ack)) === TCP_FLAG.syn;
  if (syn) return connection.closed && connection.isClient(source);
  return isIdle(connection.protocol, timeNs - connection.lastNs);
}

/** The direction of a line whose connection is not known; forward when nothing tells. */
function isReplyOf(flow: HubbleFlow): boolean {
  if (flow.isReply !== null) return flow.isReply;
  const both = TCP_FLAG.syn | TCP_FLAG.ack;
  if (flow.tcpFlags & TCP_FLAG.syn) return (flow.tcpFlags & both) === both;
  if (flow.icmp !== null) return echoOf(flow) === "reply";
  if (flow.l7 !== null) return flow.l7.type === "RESPONSE";
  return flow.sourceService !== null && flow.destinationService === null;
}

function echoOf({ icmp }: HubbleFlow): "request" | "reply" | undefined {
  if (icmp === null) return undefined;
  const { request, reply } = ECHO[icmp.family];
  if (icmp.type === request) return "request";
  return icmp.type === reply ? "reply" : undefined;
}
