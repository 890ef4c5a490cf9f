import { invariant } from "../../core/errors.ts";
import {
  RULE_TABLES,
  type RuleTableName,
} from "../../core/import/iptables_rules.ts";
import type { Tuple } from "../../core/replay/conntrack.ts";
import { forgetConnection, forgetConnections } from "./connection_deletion.ts";
import { emptyTable, PROBES, SETTINGS } from "./host_setup.ts";
import { NetfilterSocket } from "./netlink.ts";
import { NetworkNamespace } from "./network_namespace.ts";
import { LOG_GROUP, type LoggedPacket, PacketLog } from "./packet_log.ts";
import { RawSocket } from "./raw_socket.ts";
import {
  countedHits,
  legacyCounters,
  type RuleCounters,
  savedCounters,
} from "./rule_counters.ts";
import {
  readRuleTexts,
  readTrace,
  type RuleHit,
  type RuleTexts,
} from "./rule_path.ts";
import { scannedRules } from "./rule_scan.ts";
import { refuseCommands, refuseNftCommands } from "./safe_input.ts";
import { TunDevice } from "./tun_device.ts";

/** Which of the kernel's two iptables a host runs. */
export type Backend = "legacy" | "nft";

/** A link with what the host's own addresses and routes say of it. */
export interface HostLink {
  readonly name: string;
  /** `192.168.0.2/24`, in order: the first is the primary one. */
  readonly addresses: readonly string[];
  /** Prefixes, or `default`. */
  readonly routes: readonly string[];
}

/** How a host is set up. */
export interface HostOptions {
  readonly backend: Backend;
  readonly links: readonly HostLink[];
  /** Paths below /proc/sys, over the usual ones. */
  readonly settings?: Readonly<Record<string, number | string>>;
  /**
   * `stack`: what is delivered meets the kernel's own closed ports, which
   * answer. `probe`: it is taken away where a process would get it, after
   * every table, and nothing answers. `alone`: so are answers of the kernel
   * itself, before any rule sees them.
   */
  readonly delivery: "stack" | "probe" | "alone";
  /** Gives the rules that a packet met, in order. */
  readonly traced: boolean;
}

/** What became of one packet. */
export interface Judged {
  /** False when netfilter refused to let a local process send it. */
  readonly sent: boolean;
  /** What left, and by which link. */
  readonly out: readonly {
    readonly link: string;
    readonly packet: Uint8Array;
  }[];
  /** What a process of the host would have been given; empty with `stack`. */
  readonly delivered: readonly Uint8Array[];
  /** What the kernel answered by itself; empty but with `alone`. */
  readonly answers: readonly Uint8Array[];
  /** Empty unless traced. */
  readonly path: readonly RuleHit[];
}

/**
 * One host of the real kernel: a network namespace of its own whose links are
 * TUN devices. Every call is done when it returns.
 *
 * @example
 * ```ts ignore
 * using host = new KernelHost({ backend: "legacy", links, delivery: "stack", traced: false });
 * host.load("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n");
 * host.inject("eth0", packet).out.length;
 * ```
 */
export class KernelHost {
  readonly backend: Backend;
  readonly #namespace: NetworkNamespace;
  readonly #links = new Map<string, TunDevice>();
  readonly #senders = new Map<number, RawSocket>();
  readonly #traced: boolean;
  #netfilter: NetfilterSocket | null = null;
  #log: PacketLog | null = null;
  #tables: readonly RuleTableName[] = [];
  #sets = "";
  #counted: RuleCounters = new Map();
  #texts: RuleTexts = new Map();
  #closed = false;

  constructor(options: HostOptions) {
    this.backend = options.backend;
    this.#traced = options.traced;
    this.#namespace = NetworkNamespace.create();
    try {
      this.#setUp(options);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Names of the links. */
  get links(): readonly string[] {
    return [...this.#links.keys()];
  }

  /** Adds links; addresses and routes follow at once. */
  addLinks(links: readonly HostLink[]): void {
    this.#namespace.run(() => {
      for (const { name } of links) {
        this.#links.set(name, new TunDevice(name));
      }
    });
    const commands = links.flatMap(({ name, addresses }) => [
      ...addresses.map((address) => `address add ${address} dev ${name}`),
      `link set ${name} up`,
    ]);
    const routes = links.flatMap(({ name, routes }) =>
      routes.map((route) => `route add ${route} dev ${name}`)
    );
    this.#ip([...commands, ...routes]);
  }

  /** Takes links away, with their addresses and routes. */
  removeLinks(names: readonly string[]): void {
    for (const name of names) {
      this.#links.get(name)?.close();
      this.#links.delete(name);
    }
  }

  /** Puts rules in the place of those there are, as iptables-save prints them, and sets as `ipset save` does. */
  load(rules: string, sets = ""): void {
    refuseCommands(rules, sets);
    const tables = RULE_TABLES.filter((name) =>
      new RegExp(`^\\*${name}\\s*$`, "m").test(rules)
    );
    const newSets = sets !== this.#sets;
    const gone = newSets
      ? this.#tables
      : this.#tables.filter((name) => !tables.includes(name));
    if (gone.length > 0) this.#restore(gone.map(emptyTable).join(""));
    if (newSets) this.#replaceSets(sets);
    this.#tables = tables;
    if (rules.trim() !== "") this.#restore(rules);
    if (!this.#traced) return;
    this.#texts = readRuleTexts(this.save());
    if (this.backend === "legacy") this.#trace();
    else this.#counted = this.counters();
  }

  /** Adds tables beside those of iptables, a line for each thing that is added, as `nft -f` reads it. */
  add(lines: readonly string[]): void {
    refuseNftCommands(lines);
    this.#namespace.command("nft", ["-f", "-"], `${lines.join("\n")}\n`);
  }

  /** Sets a sysctl of the host; the path is below /proc/sys. */
  setting(path: string, value: number | string): void {
    this.#namespace.setting(path, value);
  }

  /** Rules as the back end prints them. */
  save(): string {
    return this.#tables.map((table) =>
      this.#namespace.command(`iptables-${this.backend}-save`, ["-t", table])
    ).join("");
  }

  /** The text of a rule on a path, as the back end prints it; undefined for a policy. */
  ruleText(
    { table, chain, index }: Omit<RuleHit, "packet">,
  ): string | undefined {
    return this.#texts.get(`${table} ${chain}`)?.[index - 1];
  }

  /** How many rules the kernel looked at for a packet with this path; of the legacy back end, whose paths are in order. */
  scanned(path: readonly RuleHit[]): number {
    return scannedRules(path, {
      chainLength: (table, chain) =>
        this.#texts.get(`${table} ${chain}`)?.length,
      ruleText: (hit) => this.ruleText(hit),
    });
  }

  /** A packet arrives on a link. */
  inject(link: string, packet: Uint8Array<ArrayBuffer>): Judged {
    const device = this.#links.get(link);
    invariant(device !== undefined, `host has no link ${link}`);
    device.write(packet);
    return this.#collect(packet, true);
  }

  /** A process of the host sends a packet. */
  send(
    packet: Uint8Array<ArrayBuffer>,
    { uid = 0, mark = 0 }: { uid?: number; mark?: number } = {},
  ): Judged {
    let sender = this.#senders.get(uid);
    if (sender === undefined) {
      sender = this.#namespace.run(() => new RawSocket(uid));
      this.#senders.set(uid, sender);
    }
    return this.#collect(packet, sender.send(packet, mark));
  }

  /** Packets counted at each rule of the tables that were loaded. */
  counters(): RuleCounters {
    if (this.backend === "nft") {
      return savedCounters(
        this.#tables.map((table) =>
          this.#namespace.command("iptables-nft-save", ["-c", "-t", table])
        ).join(""),
      );
    }
    const { descriptor } = this.#reader();
    return new Map(
      this.#tables.flatMap((table) => [...legacyCounters(descriptor, table)]),
    );
  }

  /** What connection tracking knows, a line a connection, as /proc/net/nf_conntrack has it. */
  connections(): string[] {
    return this.#namespace.run(() =>
      Deno.readTextFileSync("/proc/thread-self/net/nf_conntrack")
        .split("\n").filter((line) => line !== "")
    );
  }

  /** Takes a connection out of connection tracking; nothing happens when there is none. */
  forget(tuple: Tuple): void {
    forgetConnection(this.#asked(), tuple);
  }

  /** Takes every connection out. */
  forgetAll(): void {
    forgetConnections(this.#asked());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const device of this.#links.values()) device.close();
    for (const sender of this.#senders.values()) sender.close();
    this.#log?.close();
    this.#netfilter?.close();
    this.#namespace.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #setUp({ links, settings, delivery }: HostOptions): void {
    for (const [path, value] of Object.entries({ ...SETTINGS, ...settings })) {
      this.#namespace.setting(path, value);
    }
    this.#ip(["link set lo up"]);
    if (delivery !== "stack") {
      this.#namespace.command("nft", ["-f", "-"], PROBES[delivery]);
    }
    if (delivery !== "stack" || this.#traced) {
      this.#log = this.#namespace.run(() => new PacketLog());
      this.#namespace.setting("net/netfilter/nf_log/2", "nfnetlink_log");
    }
    this.addLinks(links);
  }

  #ip(commands: readonly string[]): void {
    if (commands.length === 0) return;
    this.#namespace.command("ip", ["-batch", "-"], `${commands.join("\n")}\n`);
  }

  /** No rule may use a set that goes, nor a list of sets hold it. */
  #replaceSets(sets: string): void {
    if (this.#sets !== "") {
      this.#namespace.command("ipset", ["flush"]);
      this.#namespace.command("ipset", ["destroy"]);
    }
    this.#sets = "";
    if (sets.trim() !== "") this.#namespace.command("ipset", ["restore"], sets);
    this.#sets = sets;
  }

  #restore(text: string): void {
    this.#namespace.command(`iptables-${this.backend}-restore`, [], text);
  }

  /** What a process sends has a socket with an owner; what the kernel answers by itself has none, and is not traced. */
  #trace(): void {
    const add = (...rule: string[]) =>
      this.#namespace.command("iptables-legacy", ["-t", "raw", "-I", ...rule]);
    add("PREROUTING", "-j", "TRACE");
    add(
      "OUTPUT",
      ...["-m", "owner", "--uid-owner", "0-4294967294", "-j", "TRACE"],
    );
  }

  #reader(): RawSocket {
    let reader = this.#senders.get(0);
    if (reader === undefined) {
      reader = this.#namespace.run(() => new RawSocket(0));
      this.#senders.set(0, reader);
    }
    return reader;
  }

  #asked(): NetfilterSocket {
    return this.#netfilter ??= this.#namespace.run(() => new NetfilterSocket());
  }

  #collect(given: Uint8Array, sent: boolean): Judged {
    const out: { link: string; packet: Uint8Array }[] = [];
    for (const [link, device] of this.#links) {
      let packet = device.read();
      for (; packet !== undefined; packet = device.read()) {
        if (packet[0]! >>> 4 === 4) out.push({ link, packet });
      }
    }
    const logged = this.#log?.read() ?? [];
    return {
      sent,
      out,
      delivered: packetsOf(logged, LOG_GROUP.delivered),
      answers: packetsOf(logged, LOG_GROUP.answers),
      path: !this.#traced ? [] : this.backend === "legacy"
        ? readTrace(
          logged.filter(({ packet }) => isSame(packet, given)),
          this.#texts,
        )
        : this.#countedPath(),
    };
  }

  /** The nft back end has no trace here: what was counted since, in the order of the tables. */
  #countedPath(): RuleHit[] {
    const before = this.#counted;
    this.#counted = this.counters();
    return countedHits(before, this.#counted);
  }
}

/** Not an answer that the kernel gave meanwhile, over loopback: by identification and protocol. */
function isSame(packet: Uint8Array, given: Uint8Array): boolean {
  return packet[4] === given[4] && packet[5] === given[5] &&
    packet[9] === given[9];
}

function packetsOf(
  logged: readonly LoggedPacket[],
  wanted: number,
): Uint8Array[] {
  return logged.filter(({ group }) => group === wanted)
    .map(({ packet }) => packet);
}
