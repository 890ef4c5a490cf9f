import type { ChainRule, Negatable } from "../../core/import/iptables_rules.ts";
import { protocolNumber } from "../../core/import/iptables_save.ts";
import { Ip } from "../../core/packet/ip.ts";
import type { TrackedPacket } from "./tracked_packet.ts";

/** Chains shorter than this are scanned: an index would cost more than it saves. */
const SHORTEST_INDEXED = 8;

/** What a rule needs of a packet at least; null where it needs nothing. */
interface Needs {
  readonly destination: number | null;
  readonly source: number | null;
  readonly port: number | null;
}

/**
 * Finds the next rule of a long chain that can match at all, by exact
 * destination and port, destination, port, or source; rules that need none
 * of these are always candidates. Rules passed over would have been scanned
 * by the kernel: the caller charges for them.
 */
export class ChainIndex {
  readonly #length: number;
  readonly #always: number[] = [];
  readonly #byDestinationPort = new Map<number, number[]>();
  readonly #byDestination = new Map<number, number[]>();
  readonly #byPort = new Map<number, number[]>();
  readonly #bySource = new Map<number, number[]>();

  private constructor(rules: readonly ChainRule[]) {
    this.#length = rules.length;
    for (const [index, rule] of rules.entries()) this.#add(index, needs(rule));
  }

  /** Undefined when the chain is short or nothing tells its rules apart. */
  static of(rules: readonly ChainRule[]): ChainIndex | undefined {
    if (rules.length < SHORTEST_INDEXED) return undefined;
    const index = new ChainIndex(rules);
    return index.#always.length > rules.length / 2 ? undefined : index;
  }

  /** The first rule from `from` on that may match, or the length of the chain. */
  next(from: number, packet: TrackedPacket): number {
    let next = firstFrom(this.#always, from, this.#length);
    const port = portKey(packet.protocol, packet.destinationPort);
    const destination = addressKey(packet.destination);
    if (this.#byDestinationPort.size > 0) {
      const list = this.#byDestinationPort.get(destination ^ port);
      if (list !== undefined) next = firstFrom(list, from, next);
    }
    if (this.#byDestination.size > 0) {
      const list = this.#byDestination.get(destination);
      if (list !== undefined) next = firstFrom(list, from, next);
    }
    if (this.#byPort.size > 0) {
      const list = this.#byPort.get(port);
      if (list !== undefined) next = firstFrom(list, from, next);
    }
    if (this.#bySource.size > 0) {
      const list = this.#bySource.get(addressKey(packet.source));
      if (list !== undefined) next = firstFrom(list, from, next);
    }
    return next;
  }

  #add(index: number, { destination, source, port }: Needs): void {
    if (destination !== null && port !== null) {
      append(this.#byDestinationPort, destination ^ port, index);
    } else if (destination !== null) {
      append(this.#byDestination, destination, index);
    } else if (port !== null) {
      append(this.#byPort, port, index);
    } else if (source !== null) {
      append(this.#bySource, source, index);
    } else {
      this.#always.push(index);
    }
  }
}

function append(map: Map<number, number[]>, key: number, index: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [index]);
  else list.push(index);
}

/** The first number of a sorted list that is at least `from`, or `most` when that is less. */
function firstFrom(
  list: readonly number[],
  from: number,
  most: number,
): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! < from) low = middle + 1;
    else high = middle;
  }
  return low < list.length && list[low]! < most ? list[low]! : most;
}

function needs(rule: ChainRule): Needs {
  return {
    destination: exactAddress(rule.destination),
    source: exactAddress(rule.source),
    port: exactPort(rule),
  };
}

function exactAddress(address: Negatable | null): number | null {
  if (address === null || address.negated) return null;
  const [text, length] = address.value.split("/");
  const ip = Ip.parse(text!);
  if (ip === undefined || length !== (ip.family === 4 ? "32" : "128")) {
    return null;
  }
  return addressKey(ip);
}

function exactPort(rule: ChainRule): number | null {
  if (rule.protocol === null || rule.protocol.negated) return null;
  for (const { name, options } of rule.matches) {
    if (name !== "tcp" && name !== "udp" && name !== "sctp") continue;
    for (const option of options) {
      const value = option.values[0]!;
      if (option.name === "dport" && !option.negated && !value.includes(":")) {
        return portKey(
          protocolNumber(rule.protocol.value) ?? -1,
          Number(value),
        );
      }
    }
  }
  return null;
}

/** Different needs may share a key; the rule's own tests decide. */
function addressKey(ip: Ip): number {
  return (Math.imul(
    ip.w3 ^ Math.imul(ip.w1 ^ ip.w2, 0x9e3779b1),
    0x85ebca6b,
  ) >>>
    2);
}

function portKey(protocol: number, port: number): number {
  return Math.imul((protocol << 16) ^ port, 0xc2b2ae35) >>> 2;
}
