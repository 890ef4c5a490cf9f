import { LIMITS } from "../limits.ts";
import { RecentMap } from "./_recent_map.ts";
import { addressText } from "./recorded_flow.ts";
import type { Addressed, AskedService } from "./_hubble_connection.ts";
import type { HubbleFlow } from "./hubble_flow.ts";

/**
 * What socket events say of Services. A socket event has no source port, so
 * that it can be tied to a connection only by client, backend and time.
 */
export class SocketTranslations {
  /** By socket: the end that the event before the translation named. */
  readonly #before = new RecentMap<{ peer: Addressed; flow: HubbleFlow }>(
    LIMITS.recentTranslations,
  );
  /** By client and backend: the Service last translated. */
  readonly #services = new RecentMap<AskedService>(LIMITS.openConnections);

  add(flow: HubbleFlow): void {
    const { socketPoint: point, source, destination, protocol } = flow;
    if (point === null || protocol === null) return;
    const [peer, local] = point.reverse
      ? [source, destination]
      : [destination, source];
    if (!isAddressed(peer) || !isAddressed(local)) return;
    const socket = `${point.cookie} ${local.ip.text} ${point.reverse}`;
    if (point.when === "before") {
      this.#before.set(socket, { peer, flow });
      return;
    }
    const before = this.#before.get(socket);
    this.#before.delete(socket);
    if (before === undefined || sameAddress(before.peer, peer)) return;
    // On the way of the answer the translation is undone.
    const [service, backend] = point.reverse
      ? [peer, before.peer]
      : [before.peer, peer];
    const named = point.reverse ? flow : before.flow;
    this.#services.set(translationKey(protocol, local, backend), {
      at: service,
      name: point.reverse ? named.sourceService : named.destinationService,
      from: "socket",
    });
  }

  /** The Service that the client's socket had last asked for when it got this backend. */
  find(
    protocol: string,
    ends: { readonly client: Addressed; readonly backend: Addressed },
  ): AskedService | undefined {
    const { client, backend } = ends;
    return this.#services.get(translationKey(protocol, client, backend));
  }
}

/** Whether an endpoint has an address. */
export function isAddressed(
  endpoint: HubbleFlow["source"],
): endpoint is Addressed {
  return endpoint.ip !== null;
}

function sameAddress(a: Addressed, b: Addressed): boolean {
  return a.port === b.port && a.ip.equals(b.ip);
}

function translationKey(
  protocol: string,
  client: Addressed,
  backend: Addressed,
): string {
  const receiver = addressText(backend.ip, backend.port);
  return `${protocol} ${client.ip.text} ${receiver}`;
}
