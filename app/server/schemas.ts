/**
 * Every shape that goes over HTTP, as zod schemas: requests are checked by
 * them, and the OpenAPI document is made from them.
 *
 * @module
 */
import { z } from "zod";
import { COMPARED_FIELDS } from "../../core/diff/divergence.ts";
import { HOOKS } from "../../core/replay/hook.ts";
import { COSTS } from "../../core/replay/outcome.ts";
import { WRITES } from "../../core/replay/sync.ts";

/** Schemas that the OpenAPI document keeps under a name of their own. */
export const NAMED_SCHEMAS = z.registry<{ id: string }>();

function named<S extends z.ZodType>(id: string, schema: S): S {
  NAMED_SCHEMAS.add(schema, { id });
  return schema;
}

const count = z.int().min(0);
const seed = z.int().min(0).max(0xffff_ffff);
const text = z.string();

/** Names that callers give: bounded, on one line. */
const name = z.string().min(1).max(200).regex(/^[^\p{Cc}]*$/u);

/** Something wrong with an input, at the place where it is written. */
export const problemSchema = named(
  "Problem",
  z.strictObject({
    message: text,
    file: text,
    line: count,
    column: count,
    excerpt: text.optional(),
    expected: text.optional(),
    didYouMean: text.optional(),
  }),
);

/** RFC 9457. */
export const problemDetailsSchema = named(
  "ProblemDetails",
  z.strictObject({
    type: text.describe("A URI that names the kind of problem"),
    title: text,
    status: z.int().min(400).max(599),
    detail: text,
    problems: z.array(problemSchema).optional(),
  }),
);

const sourcePositionSchema = named(
  "SourcePosition",
  z.strictObject({ file: text, line: count, column: count }),
);

const basisSchema = named(
  "Basis",
  z.enum(["specified", "unspecified", "implementation-defined"]),
);

/** A rule that decided, with the place it is written. */
export const ruleSchema = named(
  "Rule",
  z.strictObject({
    name: text,
    text: text.optional(),
    source: sourcePositionSchema.optional(),
    basis: basisSchema.optional(),
  }),
);

const placeSchema = named(
  "Place",
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("pod"), namespace: text, name: text }),
    z.strictObject({ kind: z.literal("node"), name: text }),
    z.strictObject({
      kind: z.literal("outside"),
      ip: text,
      via: text.nullable(),
    }),
  ]),
);

const applicationSchema = named(
  "Application",
  z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("opaque"),
      lengthBytes: count,
      question: text.exactOptional(),
    }),
    z.strictObject({
      kind: z.literal("http"),
      request: z.strictObject({
        method: text,
        scheme: z.enum(["http", "https"]),
        authority: text,
        path: text,
        headers: z.array(z.tuple([text, text])),
      }),
      tls: z.boolean(),
    }),
    z.strictObject({
      kind: z.literal("tls"),
      serverName: text.nullable(),
    }),
  ]),
);

/** One connection as its sender means it. */
export const flowIntentSchema = named(
  "FlowIntent",
  z.strictObject({
    id: text,
    from: placeSchema,
    to: z.strictObject({ host: text, port: count }),
    protocol: z.enum(["tcp", "udp", "sctp", "icmp"]),
    sourcePort: count.nullable(),
    connection: text.nullable(),
    application: applicationSchema,
  }),
);

/** What may become of a flow. */
export const VERDICTS = [
  "forwarded",
  "dropped",
  "rejected",
  "refused",
  "error",
  "unknown",
] as const;

const verdictSchema = named("Verdict", z.enum(VERDICTS));

/** What became of a flow in one stack. */
export const outcomeSchema = named(
  "Outcome",
  z.strictObject({
    flow: text,
    verdict: verdictSchema,
    reason: text.nullable(),
    rule: ruleSchema.nullable(),
    decidedAt: text.nullable(),
    backend: text.nullable(),
    receiver: text.nullable(),
    backends: z.array(
      z.strictObject({ backend: text, weight: z.number() }),
    ),
    source: text.nullable(),
    identity: text.nullable(),
    encryption: z.array(text),
    http: z.strictObject({
      status: z.int(),
      route: text.nullable(),
      request: text.nullable(),
      location: text.nullable(),
    }).nullable(),
    reply: z.boolean(),
    cost: z.partialRecord(z.enum(COSTS), z.number()),
  }),
);

/** One visible thing that happened to a packet. */
export const hopSchema = named(
  "Hop",
  z.strictObject({
    depth: count,
    direction: z.enum(["original", "reply"]),
    node: text.nullable(),
    pod: text.nullable(),
    hook: z.enum([...HOOKS, "wire", "proxy", "delivered", "routing"]),
    plugin: text.nullable(),
    action: z.enum([
      "accept",
      "rewrite",
      "drop",
      "reject",
      "encapsulate",
      "decapsulate",
      "encrypt",
      "decrypt",
      "proxy",
      "answer",
      "bypass",
      "cross",
      "deliver",
      "route",
      "unknown",
    ]),
    detail: text,
    rule: ruleSchema.nullable(),
    packet: text,
  }),
);

const fieldDifferenceSchema = named(
  "FieldDifference",
  z.strictObject({ field: z.enum(COMPARED_FIELDS), left: text, right: text }),
);

const sideSchema = named(
  "DivergenceSide",
  z.strictObject({
    stack: text,
    outcome: outcomeSchema,
    decidedBy: hopSchema.nullable(),
  }),
);

/** Two outcomes of one flow that differ, and where the journeys part. */
export const divergenceSchema = named(
  "Divergence",
  z.strictObject({
    flow: flowIntentSchema,
    timeNs: count,
    fields: z.array(fieldDifferenceSchema),
    class: basisSchema,
    firstHop: z.strictObject({
      common: count.describe("Hops that both had in common before"),
      left: hopSchema.nullable(),
      right: hopSchema.nullable(),
    }).nullable(),
    left: sideSchema,
    right: sideSchema,
  }),
);

/** Divergences with one cause: the same fields, decided by the same two rules. */
export const causeSchema = named(
  "Cause",
  z.strictObject({
    key: text,
    fields: z.array(text),
    leftRule: text,
    rightRule: text,
    class: basisSchema,
    count,
    flow: count.describe("Index of the first flow it shows in"),
    witness: divergenceSchema.describe("That flow, in both stacks"),
    step: text.nullable().describe("Step of that flow"),
    id: text.nullable().describe("Known divergence that it is: D05"),
    expected: z.boolean().nullable(),
    why: text.nullable(),
  }),
);

/** How one stack differs from another, by cause. */
export const comparisonSchema = named(
  "Comparison",
  z.strictObject({
    left: text,
    right: text,
    changed: count.describe("Flows that differ"),
    causes: z.array(causeSchema),
    moreCauses: count.describe("Causes beyond those listed"),
  }),
);

/** That a flow differs in one stack from what it is compared with. */
const differsSchema = named(
  "Differs",
  z.strictObject({
    left: text,
    right: text,
    fields: z.array(fieldDifferenceSchema),
    class: basisSchema,
    expected: z.boolean().nullable().describe(
      "Whether the scenario knows of it; null when nothing was expected",
    ),
    id: text.nullable().describe("Known divergence that it is: D05"),
    why: text.nullable(),
    cause: text.describe("Key of its cause"),
  }),
);

/** A flow with what every stack made of it. */
export const flowRowSchema = named(
  "FlowRow",
  z.strictObject({
    index: count.describe("Number of the flow on the tape, from 0"),
    position: count.describe("Of its event on the tape"),
    timeNs: count,
    step: text.nullable(),
    flow: flowIntentSchema,
    text: text.describe("In words: pod/shop/web -> tcp://db.shop:5432"),
    outcomes: z.array(
      z.strictObject({
        stack: text,
        outcome: outcomeSchema,
        hops: z.array(hopSchema).optional().describe("In full trace"),
        logPosition: count.optional().describe(
          "Of the flow in the log of that stack, where there is one",
        ),
      }),
    ),
    differs: z.array(differsSchema).describe("Empty: all stacks agree"),
  }),
);

/** A flow in as few words as a list of many needs. */
export const briefRowSchema = named(
  "BriefRow",
  z.strictObject({
    index: count,
    position: count,
    step: text.nullable(),
    id: text.describe("Name of the flow"),
    text,
    outcomes: z.array(z.strictObject({
      stack: text,
      verdict: verdictSchema,
      reason: text.nullable(),
      backend: text.nullable(),
    })),
    differs: z.array(differsSchema),
  }),
);

const failureSchema = named(
  "Failure",
  z.strictObject({
    kind: text.describe("expectation, divergence, not shown, parity, ..."),
    at: sourcePositionSchema,
    step: text.nullable(),
    stack: text.nullable(),
    flow: text.nullable(),
    field: text,
    expected: text,
    actual: text,
    count,
  }),
);

const writesSchema = named(
  "Writes",
  z.partialRecord(z.enum(WRITES), count),
);

const syncSchema = named(
  "Sync",
  z.strictObject({
    nodes: count.describe("Nodes that something was written on"),
    node: text.nullable().describe("The one that most was written on"),
    written: writesSchema.describe("What was written on it"),
    full: writesSchema.describe("What a full sync would write on it"),
    total: writesSchema.describe("What was written on all nodes"),
    silent: z.array(text).describe("Plugins that do not say what they write"),
  }),
);

/** How a scenario came out against what it expects. */
export const judgementSchema = named(
  "Judgement",
  z.strictObject({
    status: z.enum(["passed", "failed", "not run"]),
    reason: text.nullable(),
    failures: z.array(failureSchema),
    expected: count.describe("Divergences that the scenario knows of"),
    unexpected: count,
    changes: z.array(z.strictObject({
      step: text,
      stacks: z.array(z.strictObject({
        stack: text,
        sync: syncSchema.nullable().describe("Null: the stack does not say"),
      })),
    })).describe("What steps that change something make nodes write"),
  }),
);

const stackHashSchema = named(
  "StackHash",
  z.strictObject({
    name: text,
    hash: text.describe("sha256 over all outcomes in tape order"),
  }),
);

const unknownSchema = named(
  "UnknownFlows",
  z.strictObject({ stack: text, reason: text, count }),
);

const ruleHitsSchema = named(
  "RuleHits",
  z.strictObject({
    stack: text,
    rule: ruleSchema,
    hits: count.describe("Hops that it decided"),
    flows: count.describe("Flows that it had a say in"),
    divergences: count.describe("Differences that it decided"),
  }),
);

const edgeSchema = named(
  "Edge",
  z.strictObject({
    from: text.describe("Workload, node or address: Deployment shop/web"),
    to: text.describe("Where the sender meant it to go: tcp://db.shop:5432"),
    flows: count,
    changed: count,
    stacks: z.array(z.strictObject({
      stack: text,
      forwarded: count,
      failed: count,
      unknown: count,
      encryption: z.array(text).describe("Every kind seen on a wire"),
      receivers: z.array(text),
    })),
  }),
);

/** What all flows together come to. */
export const summarySchema = named(
  "Summary",
  z.strictObject({
    flows: count,
    changed: count.describe("Flows in which any two compared stacks differ"),
    baseline: text,
    stacks: z.array(stackHashSchema),
    comparisons: z.array(comparisonSchema),
    unknowns: z.array(unknownSchema),
    judgement: judgementSchema.nullable().describe(
      "Null where a scenario is too large to be judged, or there is none",
    ),
    ignored: z.record(text, count).describe("Objects that no one reads"),
    warnings: z.array(problemSchema),
    notes: z.array(text).describe("Options of stacks that have no effect"),
  }),
);

/** One stack of a request: a name, or plugins with their options. */
export const stackRequestSchema = named(
  "StackRequest",
  z.union([
    name.describe(
      "A stack of the scenario, a preset or a plugin: kube-proxy",
    ),
    z.strictObject({
      name,
      use: z.union([
        name,
        z.array(z.strictObject({
          use: name,
          options: z.record(text, z.unknown()).default({}),
        })).min(1).max(16),
      ]),
      options: z.record(text, z.unknown()).default({}).describe(
        "Of a single use",
      ),
    }),
  ]),
);

const stackRequests = z.array(stackRequestSchema).min(1).max(8);

/** Manifests: one YAML text, or files by name. */
const manifestsSchema = z.union([
  z.string(),
  z.array(z.strictObject({ file: name, text: z.string() })).max(1_000),
]);

/** A flow in the short form of scenarios. */
const shortFlowSchema = named(
  "ShortFlow",
  z.strictObject({
    name: name.optional(),
    from: text.describe("pod/shop/web-1, deploy/shop/web, node/n1, ip/…"),
    to: text.optional().describe("tcp://web.shop:80"),
    via: text.optional().describe("Node at which outside traffic arrives"),
    http: z.strictObject({
      method: text.optional(),
      url: text,
      headers: z.record(text, text).optional(),
    }).optional(),
    tls: z.strictObject({ serverName: text.optional() }).optional(),
    connection: text.optional(),
    sourcePort: z.int().min(1).max(65_535).optional(),
    count: z.int().min(1).optional(),
    every: text.optional(),
  }),
);

const trace = z.enum(["full", "outcome"]);

/** `POST /compare`. */
export const compareRequestSchema = named(
  "CompareRequest",
  z.union([
    z.strictObject({
      scenario: name.describe("Id of a scenario"),
      stacks: stackRequests.optional(),
      seed: seed.optional(),
      trace: trace.default("outcome"),
    }),
    z.strictObject({
      manifests: manifestsSchema,
      flows: z.array(shortFlowSchema).min(1).max(1_000),
      stacks: stackRequests,
      seed: seed.default(0),
      trace: trace.default("outcome"),
    }),
  ]),
);

/** What a comparison gives. */
export const compareAnswerSchema = named(
  "CompareAnswer",
  z.strictObject({
    scenario: text.nullable().describe("Id of the scenario"),
    name: text,
    seed,
    summary: summarySchema,
    flows: z.array(flowRowSchema),
  }),
);

/** `POST /runs`. */
export const runRequestSchema = named(
  "RunRequest",
  z.union([
    z.strictObject({
      scenario: name.describe("Id of a scenario"),
      stacks: stackRequests.optional(),
      seed: seed.optional(),
      trace: trace.optional(),
    }),
    z.strictObject({
      cluster: name.describe("Id of uploaded manifests"),
      flows: name.describe("Id of an uploaded recording"),
      where: text.max(10_000).optional().describe(
        "Which flows: dst.port in [80,443]",
      ),
      limit: z.int().min(1).optional(),
      stacks: stackRequests,
      seed: seed.default(0),
      trace: trace.optional(),
    }),
  ]),
);

/** What a run may be; the last four are for good, unless it is restarted. */
export const RUN_STATUSES = [
  "queued",
  "running",
  "finished",
  "failed",
  "cancelled",
  "interrupted",
] as const;

/** A run as it stands. */
export const runSchema = named(
  "Run",
  z.strictObject({
    id: text,
    status: z.enum(RUN_STATUSES),
    name: text,
    scenario: text.nullable(),
    stacks: z.array(z.strictObject({
      name: text,
      hash: text.nullable().describe("Null until it is finished"),
      events: count.nullable().describe("Events in its log"),
    })),
    baseline: text.nullable(),
    seed: seed.nullable(),
    attempt: count.describe("Grows each time it is started again"),
    createdAt: text,
    startedAt: text.nullable(),
    finishedAt: text.nullable(),
    progress: z.strictObject({
      flows: count.describe("Flows done"),
      total: count.nullable().describe("Null until it is known"),
      changed: count,
    }),
    failure: z.strictObject({
      reason: text,
      problems: z.array(problemSchema),
    }).nullable(),
  }),
);

/** A page of a list. */
function page<S extends z.ZodType>(item: S) {
  return z.strictObject({
    items: z.array(item),
    next: text.nullable().describe("Cursor of the next page; null: no more"),
  });
}

/** `GET /runs`. */
export const runPageSchema = named("RunPage", page(runSchema));
/** `GET /runs/{id}/outcomes`. */
export const flowRowPageSchema = named(
  "FlowRowPage",
  page(z.union([flowRowSchema, briefRowSchema])),
);

/** `GET /runs/{id}/divergences`. */
export const divergencesSchema = named(
  "Divergences",
  z.strictObject({
    baseline: text,
    flows: count,
    changed: count,
    comparisons: z.array(comparisonSchema),
    unknowns: z.array(unknownSchema),
    judgement: judgementSchema.nullable(),
  }),
);

/** Journeys of one flow through every stack. */
export const journeysSchema = named(
  "Journeys",
  z.strictObject({
    index: count,
    flow: flowIntentSchema,
    text,
    timeNs: count,
    journeys: z.array(z.strictObject({
      stack: text,
      outcome: outcomeSchema,
      hops: z.array(hopSchema),
    })),
    divergences: z.array(divergenceSchema).describe(
      "Of each stack from the baseline, where they differ",
    ),
  }),
);

/** One event of a log. */
export const eventSchema = named(
  "Event",
  z.strictObject({
    type: text,
    version: count,
    position: count,
    timeNs: count,
    data: z.unknown(),
  }),
);

/** Events of a log from a position on. */
export const logPageSchema = named(
  "LogPage",
  z.strictObject({
    stack: text,
    events: z.array(eventSchema),
    next: count.nullable().describe("Position to go on from; null: the end"),
    length: count.describe("Events in the whole log"),
  }),
);

const policyRefSchema = named(
  "PolicyRef",
  z.strictObject({
    apiVersion: text,
    kind: text,
    namespace: text.nullable(),
    name: text,
    source: sourcePositionSchema,
    spec: z.unknown().optional(),
  }),
);

/** What exists, and what governs, after an event. */
export const stateSchema = named(
  "State",
  z.strictObject({
    at: count,
    timeNs: count,
    event: eventSchema,
    counts: z.strictObject({
      namespaces: count,
      nodes: count,
      pods: count,
      services: count,
      endpointSlices: count,
      policies: count,
      dumps: count,
      flows: count.describe("Flows so far"),
    }),
    truncated: z.boolean().describe("Lists hold only the first of each"),
    namespaces: z.array(z.unknown()),
    nodes: z.array(z.unknown()),
    pods: z.array(z.unknown()),
    services: z.array(z.unknown()),
    endpointSlices: z.array(z.unknown()),
    policies: z.array(policyRefSchema),
    dumps: z.array(z.strictObject({
      node: text.nullable(),
      format: text,
      source: sourcePositionSchema,
    })),
  }),
);

/** `POST /runs/{id}/fork`. */
export const forkRequestSchema = named(
  "ForkRequest",
  z.strictObject({
    at: z.int().min(0).describe("Event of the log to fork after"),
    apply: manifestsSchema.optional().describe("Manifests to apply there"),
    remove: manifestsSchema.optional().describe("Manifests to delete there"),
    stacks: stackRequests.optional().describe("Those of the run"),
    trace: trace.default("outcome"),
  }),
);

/** Rules and how often they decided. */
export const rulesSchema = named(
  "Rules",
  z.strictObject({ rules: z.array(ruleHitsSchema), more: count }),
);

/** Lines of a file that a run was made from. */
export const sourceLinesSchema = named(
  "SourceLines",
  z.strictObject({ file: text, firstLine: count, lines: z.array(text) }),
);

/** Who talks to whom, and what changes. */
export const edgesSchema = named(
  "Edges",
  z.strictObject({ edges: z.array(edgeSchema), more: count }),
);

/** A plugin and what it claims. */
export const pluginSchema = named(
  "Plugin",
  z.strictObject({
    name: text,
    version: text,
    apiVersion: text,
    scope: z.enum(["flow", "node", "cluster"]),
    consumes: z.array(text),
    kinds: z.array(text),
    hooks: z.array(
      z.strictObject({ handler: text, hook: text, priority: z.int() }),
    ),
    models: z.array(z.strictObject({ claim: text, source: text })),
    options: z.unknown().describe("JSON Schema; null when it has none"),
  }),
);

/** A preset: a stack that users know by its name. */
export const stackInfoSchema = named(
  "StackInfo",
  z.strictObject({ name: text, about: text, plugins: z.array(text) }),
);

/** A scenario of the library, or an uploaded one. */
export const scenarioSchema = named(
  "Scenario",
  z.strictObject({
    id: text,
    kind: z.enum(["library", "uploaded"]),
    catalogueId: text.nullable().describe("D05; null outside the catalogue"),
    name: text,
    description: text.nullable(),
    labels: z.record(text, text),
    refs: z.array(text),
    stacks: z.array(text),
    baseline: text.nullable(),
    steps: count,
    seed,
    missing: z.array(text).describe("Files that it needs and has not"),
    problems: z.array(problemSchema).describe("Not empty: it cannot be run"),
  }),
);

/** `GET /plugins`. */
export const pluginListSchema = named(
  "PluginList",
  z.strictObject({ plugins: z.array(pluginSchema) }),
);
/** `GET /stacks`. */
export const stackListSchema = named(
  "StackList",
  z.strictObject({ stacks: z.array(stackInfoSchema) }),
);
/** `GET /scenarios`. */
export const scenarioListSchema = named(
  "ScenarioList",
  z.strictObject({ scenarios: z.array(scenarioSchema) }),
);

/** `POST /scenarios` as JSON; as YAML the body is the scenario itself. */
export const scenarioUploadSchema = named(
  "ScenarioUpload",
  z.strictObject({
    scenario: z.string().describe("Its YAML"),
    files: z.record(name, z.string()).default({}).describe(
      "Files that it names, by their paths in it",
    ),
  }),
);

/** A scenario with its text and the files that it names. */
export const scenarioSourceSchema = named(
  "ScenarioSource",
  z.strictObject({
    scenario: scenarioSchema,
    file: text,
    text,
    files: z.array(z.strictObject({ file: text, text })),
  }),
);

/** What was made of uploaded manifests. */
export const clusterSchema = named(
  "Cluster",
  z.strictObject({
    id: text,
    name: text,
    lengthBytes: count,
    createdAt: text,
    counts: z.record(text, count).describe("Objects by kind of event"),
    ignored: z.record(text, count),
    warnings: z.array(problemSchema),
  }),
);

/** An uploaded recording. */
export const flowsSchema = named(
  "Flows",
  z.strictObject({
    id: text,
    name: text,
    lengthBytes: count,
    createdAt: text,
    format: z.enum(["hubble", "pcap"]),
  }),
);

/** `GET /clusters`. */
export const clusterListSchema = named(
  "ClusterList",
  z.strictObject({ clusters: z.array(clusterSchema) }),
);
/** `GET /flows`. */
export const flowsListSchema = named(
  "FlowsList",
  z.strictObject({ flows: z.array(flowsSchema) }),
);

/** `GET /healthz` and `GET /readyz`. */
export const statusSchema = named(
  "Status",
  z.strictObject({ status: z.enum(["ok", "stopping"]) }),
);

/** What {@link problemSchema} reads. */
export type ProblemJson = z.infer<typeof problemSchema>;
/** What {@link problemDetailsSchema} reads. */
export type ProblemDetails = z.infer<typeof problemDetailsSchema>;
/** What {@link stackRequestSchema} reads. */
export type StackRequest = z.infer<typeof stackRequestSchema>;
/** What {@link shortFlowSchema} reads. */
export type ShortFlow = z.infer<typeof shortFlowSchema>;
/** What {@link compareRequestSchema} reads. */
export type CompareRequest = z.infer<typeof compareRequestSchema>;
/** What {@link compareAnswerSchema} reads. */
export type CompareAnswer = z.infer<typeof compareAnswerSchema>;
/** What {@link runRequestSchema} reads. */
export type RunRequest = z.infer<typeof runRequestSchema>;
/** What {@link runSchema} reads. */
export type Run = z.infer<typeof runSchema>;
/** What {@link flowRowSchema} reads. */
export type FlowRow = z.infer<typeof flowRowSchema>;
/** What {@link briefRowSchema} reads. */
export type BriefRow = z.infer<typeof briefRowSchema>;
/** What {@link sourceLinesSchema} reads. */
export type SourceLines = z.infer<typeof sourceLinesSchema>;
/** What {@link summarySchema} reads. */
export type Summary = z.infer<typeof summarySchema>;
/** What {@link comparisonSchema} reads. */
export type Comparison = z.infer<typeof comparisonSchema>;
/** What {@link differsSchema} reads. */
export type Differs = z.infer<typeof differsSchema>;
/** What {@link judgementSchema} reads. */
export type Judgement = z.infer<typeof judgementSchema>;
/** What {@link journeysSchema} reads. */
export type JourneysAnswer = z.infer<typeof journeysSchema>;
/** What {@link logPageSchema} reads. */
export type LogPage = z.infer<typeof logPageSchema>;
/** What {@link stateSchema} reads. */
export type StateAnswer = z.infer<typeof stateSchema>;
/** What {@link forkRequestSchema} reads. */
export type ForkRequest = z.infer<typeof forkRequestSchema>;
/** What {@link ruleHitsSchema} reads. */
export type RuleHits = z.infer<typeof ruleHitsSchema>;
/** What {@link edgeSchema} reads. */
export type Edge = z.infer<typeof edgeSchema>;
/** What {@link pluginSchema} reads. */
export type PluginInfo = z.infer<typeof pluginSchema>;
/** What {@link stackInfoSchema} reads. */
export type StackInfo = z.infer<typeof stackInfoSchema>;
/** What {@link scenarioSchema} reads. */
export type ScenarioInfo = z.infer<typeof scenarioSchema>;
/** What {@link scenarioUploadSchema} reads. */
export type ScenarioUpload = z.infer<typeof scenarioUploadSchema>;
/** What {@link scenarioSourceSchema} reads. */
export type ScenarioSource = z.infer<typeof scenarioSourceSchema>;
/** What {@link clusterSchema} reads. */
export type ClusterInfo = z.infer<typeof clusterSchema>;
/** What {@link flowsSchema} reads. */
export type FlowsInfo = z.infer<typeof flowsSchema>;
