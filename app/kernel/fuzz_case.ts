import { Draws } from "./draws.ts";
import {
  BASES,
  FUZZ_TABLES,
  type FuzzChain,
  type FuzzRule,
  type FuzzTable,
} from "./fuzz_rules.ts";
import { drawRule } from "./fuzz_rule.ts";
import { FUZZ_ROUTERS, type FuzzRouter } from "./fuzz_router.ts";
import { type CasePacket, casePacketBytes } from "./case_packet.ts";

/** A packet to be sent, or how it follows from what came out before. */
export type PlannedStep =
  | {
    readonly kind: "packet";
    readonly iface: string;
    readonly packet: CasePacket;
  }
  /** The answer of whoever got what came out of an earlier step. */
  | { readonly kind: "reply"; readonly to: number; readonly flags: string };

/** Rules and packets drawn from a seed. */
export interface FuzzCase {
  readonly router: FuzzRouter;
  /** Whether connections are tracked also where no rule needs it. */
  readonly tracks: boolean;
  readonly tables: readonly FuzzTable[];
  readonly steps: readonly PlannedStep[];
}

const STEPS = 10;
/** Of packets that open a connection, answer one, and go on with it. */
interface FlagDraws {
  readonly opening: readonly string[];
  readonly reply: readonly string[];
  readonly repeated: readonly string[];
}

const ORDERLY: FlagDraws = { opening: ["S"], reply: ["SA"], repeated: ["S"] };
const ODD: FlagDraws = {
  opening: [...["S", "S", "S", "S", "S", "S", "S", "A", "A", "SA", "R", "FA"]],
  reply: ["SA", "SA", "SA", "A", "R", "FA"],
  repeated: ["S", "A", "A", "FA", "R"],
};
/** Cases with segments that no orderly connection has. */
const ODD_PERCENT = 25;
const PORTS = [22, 53, 80, 81, 443, 1500, 8080, 9090];
/** How many rules a chain has. */
const MOST_RULES = 5;
/** Chains of one base chain's own, each calling only later ones. */
const MOST_OWN_CHAINS = 3;

/** The case of one number of a seed: the same for ever. */
export function fuzzCase(seed: number, number: number): FuzzCase {
  const draws = new Draws(seed, `case ${number}`);
  const router = draws.one("router", FUZZ_ROUTERS);
  return {
    router,
    tracks: !draws.chance("untracked", 12),
    tables: FUZZ_TABLES.map((table) => drawTable(draws, { table, router })),
    steps: drawSteps(draws, router),
  };
}

function drawTable(
  draws: Draws,
  { table, router }: {
    readonly table: FuzzTable["name"];
    readonly router: FuzzRouter;
  },
): FuzzTable {
  const chains = BASES[table].flatMap((base): FuzzChain[] => {
    const own = draws.below(`${table} ${base} own`, MOST_OWN_CHAINS + 1);
    const names = Array.from(
      { length: own },
      (_, index) => `U${index + 1}${base.slice(0, 4)}`,
    );
    return [base, ...names].map((name, position): FuzzChain => ({
      name,
      policy: position === 0 ? drawPolicy(draws, table, base) : null,
      rules: drawRules(draws, {
        table,
        base,
        name,
        router,
        callable: names.slice(position),
      }),
    }));
  });
  return { name: table, chains };
}

function drawPolicy(
  draws: Draws,
  table: string,
  base: string,
): "ACCEPT" | "DROP" {
  const percent = table === "filter" ? 25 : table === "nat" ? 0 : 3;
  return draws.chance(`${table} ${base} policy`, percent) ? "DROP" : "ACCEPT";
}

function drawRules(
  draws: Draws,
  chain: {
    readonly table: FuzzTable["name"];
    readonly base: string;
    readonly name: string;
    readonly router: FuzzRouter;
    readonly callable: readonly string[];
  },
): FuzzRule[] {
  const site = `${chain.table} ${chain.name}`;
  const count = draws.below(`${site} rules`, MOST_RULES + 1);
  return Array.from(
    { length: count },
    (_, index) =>
      drawRule(new Draws(draws.next(`${site} ${index}`), ""), chain),
  );
}

function drawSteps(draws: Draws, router: FuzzRouter): PlannedStep[] {
  const steps: PlannedStep[] = [];
  const flags = draws.chance("odd flags", ODD_PERCENT) ? ODD : ORDERLY;
  for (let index = 0; index < STEPS; index++) {
    const site = new Draws(draws.next(`step ${index}`), "");
    const earlier = steps.length === 0 ? null : site.below("to", steps.length);
    const kind = site.below("kind", 100);
    if (earlier === null || kind < 60) {
      const packet = drawPacket(site, router, flags);
      steps.push(...site.chance("pieces", 4) ? inPieces(packet) : [packet]);
    } else if (kind < 80) {
      const reply = site.one("reply", flags.reply);
      steps.push({ kind: "reply", to: earlier, flags: reply });
    } else {
      steps.push(repeated(site, steps[earlier]!, flags));
    }
  }
  return steps;
}

/** A datagram in two fragments, the second one without ports. */
function inPieces(step: PlannedStep): readonly PlannedStep[] {
  if (
    step.kind === "reply" || step.iface === "LOCAL" || step.packet.p !== "udp"
  ) {
    return [step];
  }
  const { src, dst, ttl, tos, sport } = step.packet;
  const bytes = casePacketBytes({
    ...step.packet,
    data: "twenty-four bytes of evil",
  }).subarray(20);
  const piece = (from: number, to: number): PlannedStep => ({
    kind: "packet",
    iface: step.iface,
    packet: {
      p: "raw",
      proto: 17,
      src,
      dst,
      ...(ttl === undefined ? {} : { ttl }),
      ...(tos === undefined ? {} : { tos }),
      ident: sport!,
      frag: from / 8,
      ...(to < bytes.length ? { flags_ip: 1 } : {}),
      payload: [...bytes.subarray(from, to)]
        .map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    },
  });
  return [piece(0, 16), piece(16, bytes.length)];
}

/** The same packet again, or a later one of its connection. */
function repeated(
  draws: Draws,
  step: PlannedStep,
  { repeated }: FlagDraws,
): PlannedStep {
  if (step.kind === "reply" || step.packet.p !== "tcp") return step;
  const flags = draws.one("flags", repeated);
  return { ...step, packet: { ...step.packet, ...tcpFields(flags) } };
}

function drawPacket(
  draws: Draws,
  router: FuzzRouter,
  { opening }: FlagDraws,
): PlannedStep {
  const from = draws.one("from", router.senders);
  const common = {
    src: draws.one("source", from.addresses),
    dst: draws.one("destination", router.destinations),
    ...(draws.chance("tos", 15)
      ? { tos: draws.one("type of service", [1, 8, 16, 32, 46 << 2]) }
      : {}),
    ...(draws.chance("hops", 10) ? { ttl: draws.one("ttl", [1, 2, 9]) } : {}),
    ...(draws.chance("data", 15)
      ? { data: draws.one("text", ["evil", "very Evil", "\u0000\u0001 good"]) }
      : {}),
  };
  const ports = {
    sport: draws.one("ports", [555, 1000, 1500, 4000, 33000]) +
      draws.below("port", 10),
    dport: draws.one("port there", PORTS),
  };
  const protocol = draws.below("protocol", 100);
  const packet: CasePacket = protocol < 52
    ? {
      p: "tcp",
      ...common,
      ...ports,
      ...tcpFields(draws.one("flags", opening)),
    }
    : protocol < 86
    ? { p: "udp", ...common, ...ports }
    : {
      p: "icmp",
      ...common,
      type: draws.chance("echo", 80) ? 8 : 0,
      code: 0,
      id: ports.sport,
    };
  return { kind: "packet", iface: from.link, packet };
}

/** Numbers that fit the place of a segment in a short connection. */
export function tcpFields(
  flags: string,
): Pick<CasePacket, "flags" | "seq" | "ack"> {
  return flags === "S"
    ? { flags, seq: 1_000, ack: 0 }
    : flags === "SA"
    ? { flags, seq: 5_000, ack: 1_001 }
    : { flags, seq: 1_001, ack: 5_001 };
}
