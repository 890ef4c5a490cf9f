import { protocolNumber } from "../../core/import/iptables_save.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { WeightedBackend } from "../../core/replay/outcome.ts";
import type { Rule, SourcePosition } from "../../core/source.ts";
import { backendText } from "./choice.ts";

/** A pod, or whoever else serves: the destination of a virtual server. */
export interface RealServer {
  readonly ip: Ip;
  readonly port: number;
}

/** How `ipvsadm` says which protocol a virtual server is of. */
const PROTOCOL_FLAGS: Readonly<Record<string, string>> = {
  tcp: "-t",
  udp: "-u",
  sctp: "--sctp-service",
};

/** One address and port that IPVS balances. */
export class VirtualServer {
  readonly ip: Ip;
  readonly port: number;
  /** Lower case: `tcp`. */
  readonly protocolName: string;
  readonly protocol: number;
  readonly scheduler: string;
  /** How long a client keeps its real server; null: not at all. */
  readonly persistentS: number | null;
  /** Sorted by `address:port`, all of weight 1. */
  readonly servers: readonly RealServer[];
  /** The same as a set to pick from. */
  readonly backends: readonly WeightedBackend[];
  readonly at: SourcePosition | null;
  #rule: Rule | null = null;
  readonly #serverRules: (Rule | undefined)[] = [];

  constructor(init: {
    readonly ip: Ip;
    readonly port: number;
    readonly protocol: string;
    readonly scheduler: string;
    readonly persistentS: number | null;
    readonly servers: readonly RealServer[];
    readonly at: SourcePosition | null;
  }) {
    this.ip = init.ip;
    this.port = init.port;
    this.protocolName = init.protocol;
    this.protocol = protocolNumber(init.protocol) ?? -1;
    this.scheduler = init.scheduler;
    this.persistentS = init.persistentS;
    this.servers = init.servers;
    this.backends = init.servers.map(({ ip, port }) => ({
      backend: backendText(ip.text, port),
      weight: 1,
    }));
    this.at = init.at;
  }

  /** Where it is looked up. */
  get key(): string {
    return serverKey(this.protocol, this.ip, this.port);
  }

  /** `tcp 10.96.0.10:53`. */
  get name(): string {
    return `${this.protocolName} ${backendText(this.ip.text, this.port)}`;
  }

  /** `-A -t 10.96.0.10:53 -s rr`, as `ipvsadm-save` prints it. */
  get text(): string {
    const persistent = this.persistentS === null
      ? ""
      : ` -p ${this.persistentS}`;
    return `-A ${this.#service()} -s ${this.scheduler}${persistent}`;
  }

  /** The virtual server as hops cite it. */
  get rule(): Rule {
    return this.#rule ??= this.#cited(this.text);
  }

  /** One of its real servers as hops cite it. */
  ruleOf(index: number): Rule {
    return this.#serverRules[index] ??= this.#cited(this.serverText(index));
  }

  /** `-a -t 10.96.0.10:53 -r 10.0.1.5:53 -m -w 1`. */
  serverText(index: number): string {
    const { backend } = this.backends[index]!;
    return `-a ${this.#service()} -r ${backend} -m -w 1`;
  }

  #service(): string {
    const flag = PROTOCOL_FLAGS[this.protocolName] ?? this.protocolName;
    return `${flag} ${backendText(this.ip.text, this.port)}`;
  }

  #cited(text: string): Rule {
    return {
      name: `ipvs ${this.name}`,
      text,
      ...(this.at === null ? {} : { source: this.at }),
    };
  }
}

/** Tells virtual servers apart. */
export function serverKey(protocol: number, ip: Ip, port: number): string {
  return `${protocol} ${ip.text} ${port}`;
}
