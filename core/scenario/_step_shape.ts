import {
  DUMP_FORMAT_TEXTS,
  DUMP_FORMATS,
  type DumpFormat,
} from "../import/dump_format.ts";
import { LIMITS } from "../limits.ts";
import { expectShape, idList } from "./_expect_shape.ts";
import { duration, sendShape } from "./_send_shape.ts";
import { type Cursor, keysOf } from "./_cursor.ts";
import { mapping, may, must } from "./_mapping.ts";
import {
  integer,
  list,
  orMapping,
  type ReadAs,
  refine,
  type Shape,
  text,
} from "./_shape.ts";
import { parseFlowFilter } from "./flow_filter.ts";
import { fillIn } from "./_stack_shape.ts";
import type { SourcePosition } from "../source.ts";
import type {
  Expectations,
  FileReference,
  InlineObject,
  LoadedDump,
  ObjectName,
  Replayed,
  StepAction,
} from "./scenario.ts";

const NO_EXPECTATIONS: Expectations = {
  outcomes: [],
  parity: null,
  unknown: null,
};

/** A file or a directory of manifests, beside the scenario. */
export const fileShape: Shape<FileReference> = refine(
  text({ expected: "a path" }),
  (path, cursor) => {
    const { find } = cursor.reading;
    const files = find === null ? [] : find(path);
    if (files === null) {
      return cursor.fail(`there is no file or directory ${path}`, {
        expected: "a path that starts at the scenario's own directory",
      });
    }
    return { path, at: cursor.at, files };
  },
);

/** Files or directories of manifests. */
export const fileList = list(fileShape, {
  orOne: true,
  max: LIMITS.scenarioEntries,
});

/** A recording: it is read when the scenario is run, for it may be large. */
const recording: Shape<FileReference> = refine(
  text({ expected: "a path" }),
  (path, cursor) => ({ path, at: cursor.at, files: [] }),
);

const inlineObject: Shape<InlineObject> = {
  read(cursor) {
    const keys = keysOf(cursor);
    if (keys === undefined) return undefined;
    const absent = ["apiVersion", "kind", "metadata"]
      .filter((key) => !keys.includes(key));
    if (absent.length > 0) {
      return cursor.fail(`${absent.join(" and ")} missing`, {
        expected: "a Kubernetes object, or a path",
      });
    }
    const value = fillIn(cursor.value, cursor) as Record<string, unknown>;
    const parts = cursor.reading.document.parts(cursor.value as object);
    // Its own start, which is not that of the key it stands under.
    return { value, source: { ...cursor.below(keys[0]!).at, parts } };
  },
  schema: () => ({
    type: "object",
    required: ["apiVersion", "kind", "metadata"],
  }),
};

const namedObject: Shape<ObjectName> = refine(
  mapping({
    kind: must(text(), "Its kind: NetworkPolicy."),
    namespace: may(text(), "Its namespace, when its kind has one."),
    name: must(text(), "Its name."),
  }),
  ({ kind, namespace, name, position }) => ({
    objectKind: kind,
    namespace: namespace ?? null,
    name,
    at: position,
  }),
);

const writtenName: Shape<FileReference | ObjectName> = {
  read(cursor) {
    const written = text().read(cursor);
    if (written === undefined) return undefined;
    if (/\.(?:ya?ml|json)$|\/$/.test(written)) return fileShape.read(cursor);
    const parts = written.split("/");
    const [kind, ...names] = parts;
    if (names.length < 1 || names.length > 2 || parts.includes("")) {
      return cursor.fail(`it is ${written}`, {
        expected: "KIND/NAMESPACE/NAME, KIND/NAME, or a file of manifests",
      });
    }
    return {
      objectKind: kind!,
      namespace: names.length === 2 ? names[0]! : null,
      name: names.at(-1)!,
      at: cursor.at,
    };
  },
  schema: () => text().schema(),
};

const filter = refine(text(), (written, cursor) => {
  const read = parseFlowFilter(written);
  return typeof read === "function" ? read : cursor.fail(read.reason, {
    expected: "dst.port in [80,443] and protocol == tcp",
    didYouMean: read.didYouMean,
  });
});

const LIMIT = { min: 1, max: LIMITS.replayedFlows };

const replayShape: Shape<Replayed> = refine(
  mapping({
    hubble: may(recording, "Flows as `hubble observe -o jsonpb` prints them."),
    pcap: may(recording, "A capture: pcap or pcapng."),
    where: may(filter, "A filter: dst.port in [80,443] and protocol == tcp."),
    limit: may(integer(LIMIT), "At most so many flows; 10000 when left out."),
  }, { oneOf: ["hubble", "pcap"] }),
  (read) => ({
    format: read.hubble === undefined ? "pcap" : "hubble",
    file: (read.hubble ?? read.pcap)!,
    where: read.where ?? null,
    limit: read.limit ?? 10_000,
  }),
);

const dumpOf = (format: DumpFormat) =>
  may(fileShape, DUMP_FORMAT_TEXTS[format]);

const loadShape: Shape<LoadedDump> = refine(
  mapping({
    "iptables-save": dumpOf("iptables-save"),
    "ipset-save": dumpOf("ipset-save"),
    "wg-dump": dumpOf("wg-dump"),
    "cilium-bpf-lb": dumpOf("cilium-bpf-lb"),
    "cilium-bpf-maglev": dumpOf("cilium-bpf-maglev"),
    "cilium-bpf-policy": dumpOf("cilium-bpf-policy"),
    "cilium-bpf-ipcache": dumpOf("cilium-bpf-ipcache"),
    "cilium-bpf-endpoint": dumpOf("cilium-bpf-endpoint"),
    "cilium-bpf-ct": dumpOf("cilium-bpf-ct"),
    "cilium-identity": dumpOf("cilium-identity"),
    "bpftool-map": dumpOf("bpftool-map"),
    dump: may(
      fileShape,
      "A dump of any of these kinds, or a directory of them: each is told by how it begins.",
    ),
    node: may(text(), "The node it is from; every node when left out."),
  }, { oneOf: [...DUMP_FORMATS, "dump"] }),
  (read) => {
    const node = read.node ?? null;
    if (read.dump !== undefined) {
      return { format: null, file: read.dump, node };
    }
    const format = DUMP_FORMATS.find((name) => read[name] !== undefined)!;
    return { format, file: read[format]!, node };
  },
);

/** Actions, of which a step has exactly one. */
const ACTIONS = ["apply", "delete", "send", "replay", "load"] as const;

const fields = mapping({
  name: may(text(), "What the step is called; flows are named after it."),
  at: may(
    duration,
    "When, since the start; one second after the step before when left out.",
  ),
  apply: may(
    list(orMapping(fileShape, inlineObject), {
      orOne: true,
      max: LIMITS.scenarioEntries,
    }),
    "Manifests, files or inline, to apply.",
  ),
  delete: may(
    list(orMapping(writtenName, namedObject), {
      orOne: true,
      max: LIMITS.scenarioEntries,
    }),
    "Objects to delete: KIND/NAMESPACE/NAME, or a file that holds them.",
  ),
  send: may(sendShape, "Traffic to send."),
  replay: may(replayShape, "Recorded traffic to send again."),
  load: may(loadShape, "A dump to run in place of what would be computed."),
  expect: may(expectShape, "What is to come of it, stack by stack."),
  diverges: may(idList, "Known divergences that are to show here: D05."),
}, { oneOf: ACTIONS });

/** A step as it is read, before it has its place in time. */
export interface StepRead {
  readonly name: string | undefined;
  readonly position: SourcePosition;
  readonly timeNs: number | undefined;
  readonly action: StepAction;
  readonly expect: Expectations;
  readonly diverges: readonly string[];
}

/** A step. */
export const stepShape: Shape<StepRead> = refine(fields, (read, cursor) => {
  const action = toAction(read);
  if (action === undefined) return undefined;
  const sends = action.kind === "send" || action.kind === "replay";
  if (!sends && read.diverges !== undefined) {
    cursor.below("diverges").fail("the step sends no traffic", {
      expected: "diverges in a step with send or replay",
    });
  }
  if (read.expect !== undefined) {
    checkExpect(read.expect, { sends, cursor: cursor.below("expect") });
  }
  return {
    name: read.name,
    position: read.position,
    timeNs: read.at,
    action,
    expect: read.expect ?? NO_EXPECTATIONS,
    diverges: read.diverges ?? [],
  };
});

/** Fields about what a change writes; all others are about flows. */
const WRITE_FIELDS = ["written", "full"];

/** What may be expected of a step depends on whether it sends traffic or changes something. */
function checkExpect(
  { outcomes, parity, unknown }: Expectations,
  { sends, cursor }: { readonly sends: boolean; readonly cursor: Cursor },
): void {
  const wrong = (at: Cursor, field: string) =>
    sends
      ? at.fail("the step changes nothing", {
        expected: `${field} in a step with apply, delete or load`,
      })
      : at.fail("the step sends no traffic", {
        expected: `${field} in a step with send or replay`,
      });
  if (!sends && parity !== null) wrong(cursor.below("parity"), "parity");
  if (!sends && unknown !== null) wrong(cursor.below("unknown"), "unknown");
  for (const { stack } of outcomes) {
    const expected = cursor.below(stack ?? "all");
    for (const field of keysOf(expected) ?? []) {
      if (WRITE_FIELDS.includes(field) === sends) {
        wrong(expected.below(field), field);
      }
    }
  }
}

/** Undefined when the action itself could not be read. */
function toAction(read: ReadAs<typeof fields>): StepAction | undefined {
  if (read.apply !== undefined) return { kind: "apply", objects: read.apply };
  if (read.delete !== undefined) {
    return { kind: "delete", objects: read.delete };
  }
  if (read.send !== undefined) return { kind: "send", send: read.send };
  if (read.replay !== undefined) {
    return { kind: "replay", replay: read.replay };
  }
  return read.load === undefined
    ? undefined
    : { kind: "load", load: read.load };
}
