import { InputError } from "../errors.ts";
import type { Event } from "../event.ts";
import { Cidr, Ip } from "../packet/ip.ts";
import type { SourcePosition } from "../source.ts";

/**
 * Turns the JSON form of an event back into the event: in a log addresses are
 * text, in memory they are objects. Events without addresses come back as
 * they are. Throws an `InputError` at `at` when an address is none.
 *
 * @example
 * ```ts
 * const written = JSON.parse(JSON.stringify(event));
 * const event = reviveEvent(written, { file: "run.log", line: 1, column: 1 });
 * ```
 */
export function reviveEvent(event: Event, at: SourcePosition): Event {
  const shape = SHAPES[event.type];
  if (shape === undefined) return event;
  return { ...event, data: revive(event.data, { shape, at }) } as Event;
}

/** Which parts of a value are addresses; `each` is for the items of a list. */
type Shape =
  | "ip"
  | "cidr"
  | { readonly each: Shape }
  | { readonly [key: string]: Shape };

const SHAPES: Readonly<Record<string, Shape>> = {
  "node.applied": {
    node: {
      internalIps: { each: "ip" },
      externalIps: { each: "ip" },
      podCidrs: { each: "cidr" },
    },
  },
  "pod.applied": { pod: { ips: { each: "ip" } } },
  "service.applied": {
    service: {
      clusterIps: { each: "ip" },
      externalIps: { each: "ip" },
      loadBalancerIps: { each: { ip: "ip" } },
      loadBalancerSourceRanges: { each: "cidr" },
    },
  },
  "endpoints.applied": { slice: { endpoints: { each: { ip: "ip" } } } },
};

function revive(
  value: unknown,
  { shape, at }: { shape: Shape; at: SourcePosition },
): unknown {
  if (shape === "ip" || shape === "cidr") return address(value, { shape, at });
  if ("each" in shape) {
    if (!Array.isArray(value)) throw unreadable(value, { what: "list", at });
    const item = shape.each as Shape;
    return value.map((one) => revive(one, { shape: item, at }));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unreadable(value, { what: "object", at });
  }
  const revived: Record<string, unknown> = { ...value };
  for (const [key, part] of Object.entries(shape)) {
    revived[key] = revive(revived[key], { shape: part, at });
  }
  return revived;
}

function address(
  value: unknown,
  { shape, at }: { shape: "ip" | "cidr"; at: SourcePosition },
): Ip | Cidr {
  const parse = shape === "ip" ? Ip.parse : Cidr.parse;
  const parsed = typeof value === "string" ? parse(value) : undefined;
  if (parsed === undefined) {
    const what = shape === "ip" ? "address" : "prefix";
    throw unreadable(value, { what, at });
  }
  return parsed;
}

function unreadable(
  value: unknown,
  { what, at }: { what: string; at: SourcePosition },
): InputError {
  const shown = (JSON.stringify(value) ?? "nothing").slice(0, 60);
  const message = `Cannot revive event: ${shown} is no ${what}`;
  return new InputError([{ message, at, expected: what }]);
}
