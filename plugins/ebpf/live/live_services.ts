import { Cidr, type Ip } from "../../../core/packet/ip.ts";
import { formatEndpoint } from "../../../core/packet/walking_packet.ts";
import type { Tuple } from "../../../core/replay/conntrack.ts";
import type { Rule } from "../../../core/source.ts";
import type { NodeMaps } from "../dumps/loaded_dumps.ts";
import type { Frontend, FrontendType } from "../frontend.ts";
import { protocolName } from "../maps/lb/lb_address.ts";
import { findService, frontendOfId } from "../maps/lb/find_service.ts";
import type { LbMaps } from "../maps/lb/lb_maps.ts";
import type { Asked, Frontends } from "../service_map.ts";
import { LiveFrontend } from "./live_frontend.ts";

/**
 * Frontends as a node's dumped maps have them: looked up where the datapath
 * looks them up, node ports under the node's own addresses, and under the
 * wildcard address for sockets. What the maps do not hold, a family that was
 * not dumped, a time of affinity, source ranges, is as computed.
 */
export class LiveServices implements Frontends {
  readonly #maps: LbMaps;
  readonly #dumped: NodeMaps["maps"];
  readonly #computed: Frontends;
  readonly #found = new Map<string, Frontend | null>();

  constructor(
    { maps, services }: Pick<NodeMaps, "maps"> & { readonly services: LbMaps },
    computed: Frontends,
  ) {
    this.#maps = services;
    this.#dumped = maps;
    this.#computed = computed;
  }

  find(at: Asked, node: string): Frontend | undefined {
    const { destination: ip, protocol, destinationPort: port } = at;
    const computed = () => this.#computed.find(at, node);
    return this.#has(ip.family)
      ? this.#at({ ip, protocol, port }, computed)
      : computed();
  }

  /** What a socket finds under the wildcard address (sock4_wildcard_lookup). */
  nodePort(
    family: 4 | 6,
    protocol: number,
    port: number,
  ): Frontend | undefined {
    return this.#wildcard(family, { protocol, port, type: "NodePort" });
  }

  hostPort(
    node: string,
    { family, protocol, port }: Parameters<Frontends["hostPort"]>[1],
  ): Frontend | undefined {
    return this.#has(family)
      ? this.#wildcard(family, { protocol, port, type: "HostPort" })
      : this.#computed.hostPort(node, { family, protocol, port });
  }

  /** Off the wire there is no other lookup than that of the address itself. */
  ofNode(
    node: string,
    at: Parameters<Frontends["ofNode"]>[1],
  ): Frontend | undefined {
    return this.#has(at.family) ? undefined : this.#computed.ofNode(node, at);
  }

  /**
   * What translates an answer back: the entry of the frontend's id. Null where
   * it is missing, as rev_nat then does nothing; undefined where the map was
   * not dumped, or no dumped frontend was asked for.
   */
  reverse(
    { destination: ip, destinationPort: port, protocol }: Tuple,
  ): Rule | null | undefined {
    const map = `cilium_lb${ip.family}_reverse_nat`;
    if (!this.#dumped.has(map)) return undefined;
    const at = { ip, port, protocol: protocolName(protocol) };
    const service = findService(this.#maps, at, { inside: false });
    if (service === undefined) return undefined;
    const frontend = frontendOfId(this.#maps, ip.family, service.id);
    return frontend === undefined ? null : {
      name: `${map} ${service.id}`,
      text: formatEndpoint(frontend.ip, frontend.port),
    };
  }

  #has(family: 4 | 6): boolean {
    return this.#dumped.has(`cilium_lb${family}_services_v2`);
  }

  #wildcard(
    family: 4 | 6,
    { protocol, port, type }: {
      readonly protocol: number;
      readonly port: number;
      readonly type: FrontendType;
    },
  ): Frontend | undefined {
    const computed = () => this.#computed.nodePort(family, protocol, port);
    if (!this.#has(family)) return computed();
    const found = this.#at({ ip: WILDCARD[family], protocol, port }, computed);
    return found?.type === type ? found : undefined;
  }

  #at(
    { ip, protocol, port }: {
      readonly ip: Ip;
      readonly protocol: number;
      readonly port: number;
    },
    computed: () => Frontend | undefined,
  ): Frontend | undefined {
    const key = `${ip.text} ${protocol} ${port}`;
    let found = this.#found.get(key);
    if (found === undefined) {
      const at = { ip, port, protocol: protocolName(protocol) };
      const service = findService(this.#maps, at, { inside: false });
      found = service === undefined ? null : new LiveFrontend(service, {
        maps: this.#maps,
        dumped: this.#dumped,
        computed: computed(),
      });
      this.#found.set(key, found);
    }
    return found ?? undefined;
  }
}

const WILDCARD: Readonly<Record<4 | 6, Ip>> = {
  4: Cidr.of("0.0.0.0/0").base,
  6: Cidr.of("::/0").base,
};
