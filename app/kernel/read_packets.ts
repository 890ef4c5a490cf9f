import { InputError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { z } from "zod";
import { CASE_LINKS, type KernelCase } from "./run_case.ts";
import type { HostLink } from "../../plugins/kernel/mod.ts";
import type { CasePacket } from "./case_packet.ts";

const byte = z.number().int().min(0).max(255);
const port = z.number().int().min(0).max(65_535);
const word = z.number().int().min(0).max(0xffff_ffff);

const packetFields = {
  p: z.enum(["tcp", "udp", "icmp", "raw"]),
  src: z.ipv4(),
  dst: z.ipv4(),
  sport: port.optional(),
  dport: port.optional(),
  flags: z.string().regex(/^[FSRPAU]{0,6}$/).optional(),
  seq: word.optional(),
  ack: word.optional(),
  type: byte.optional(),
  code: byte.optional(),
  id: port.optional(),
  ttl: byte.optional(),
  tos: byte.optional(),
  data: z.string().max(1_400).optional(),
  proto: byte.optional(),
  payload: z.string().max(2_800).optional(),
  ident: port.optional(),
  flags_ip: z.literal(1).optional(),
  frag: z.number().int().min(0).max(8_191).optional(),
};

const step = z.object({
  iface: z.string().max(15),
  packet: z.strictObject({
    ...packetFields,
    inner: z.strictObject(packetFields).optional(),
  }),
});

const link = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_.@-]{1,15}$/),
  addresses: z.array(z.cidrv4()).max(64),
  routes: z.array(z.union([z.literal("default"), z.cidrv4()])).max(1_000),
});

const file = z.union([
  z.array(step).max(LIMITS.flowsPerStep),
  z.object({
    links: z.array(link).max(256).optional(),
    sets: z.string().optional(),
    settings: z.record(
      z.string().regex(/^net\/[a-z0-9_/]+$/),
      z.union([z.number(), z.string()]),
    ).optional(),
    steps: z.array(step).max(LIMITS.flowsPerStep),
  }),
]);

/** Packets of a file, and what it says of the host; the router of the recorded cases when it says nothing. */
export interface PacketsFile extends Omit<KernelCase, "rules"> {
  readonly links: readonly HostLink[];
}

/** Reads a list of `{iface, packet}`, or that list as `steps` beside `links`, `sets` and `settings`. Throws an `InputError`. */
export function readPackets(text: string, name: string): PacketsFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw problem(name, `it is no JSON: ${(cause as Error).message}`);
  }
  const read = file.safeParse(json);
  if (!read.success) {
    const [first] = read.error.issues;
    const issue = deepest(first!);
    throw problem(name, `${issue.path.join(".") || "it"}: ${issue.message}`);
  }
  const { links, sets, settings, steps } = Array.isArray(read.data)
    ? { steps: read.data }
    : read.data;
  return {
    links: links ?? CASE_LINKS,
    ...(sets === undefined ? {} : { sets }),
    ...(settings === undefined ? {} : { settings }),
    steps: steps.map(({ iface, packet }) => ({
      iface,
      packet: packet as CasePacket,
    })),
  };
}

/** Of a union, the issue of the alternative that went furthest. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  let best: z.core.$ZodIssue = issue;
  for (const alternative of issue.errors) {
    for (const one of alternative) {
      const inner = deepest(one);
      if (inner.path.length > best.path.length) best = inner;
    }
  }
  return best;
}

function problem(file: string, reason: string): InputError {
  return new InputError([{
    message: `Cannot read packets: ${reason}`,
    at: { file, line: 1, column: 1 },
    expected:
      'a list of {"iface": "eth0", "packet": {"p": "tcp", "src": …, "dst": …}}',
  }]);
}
