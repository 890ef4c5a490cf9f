import { z } from "zod";
import { readBody, readJson, readText } from "../body.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { HttpProblem } from "../problem.ts";
import { type AnyRoute, defineRoute, json } from "../route.ts";
import {
  type ClusterInfo,
  clusterListSchema,
  clusterSchema,
  type FlowsInfo,
  flowsListSchema,
  flowsSchema,
  type ScenarioInfo,
  scenarioSchema,
  type ScenarioUpload,
  scenarioUploadSchema,
} from "../schemas.ts";
import type { ServerParts } from "../server_parts.ts";
import type { Question } from "../protocol.ts";

const TAG = "Uploads";

const YAML = ["application/yaml", "application/x-yaml", "text/yaml"];

/** Of a file, as positions in problems give it. */
const fileName = z.strictObject({
  name: z.string().regex(/^[^\p{Cc}/\\]{1,200}$/u).optional()
    .describe("Name of the file, for positions"),
});

/** Routes that take files. They go to the disk as they come. */
export function uploadRoutes(parts: ServerParts): AnyRoute[] {
  return [
    defineRoute({
      method: "post",
      path: "/clusters",
      summary: "Upload manifests: YAML documents, or a List as JSON",
      tag: TAG,
      query: fileName,
      body: {
        kind: "raw",
        types: [...YAML, "application/json"],
        description: `Manifests, up to ${SERVER_LIMITS.clusterBytes} bytes.`,
      },
      answers: { 201: { description: "Kept", schema: clusterSchema } },
      problems: ["bad-input", "limit", "full"],
      handle: ({ request, query: { name = "manifests.yaml" } }) =>
        addCluster(parts, { request, name }),
    }),
    defineRoute({
      method: "get",
      path: "/clusters",
      summary: "Uploaded manifests",
      tag: TAG,
      answers: { 200: { description: "Manifests", schema: clusterListSchema } },
      handle: async () =>
        json({ clusters: await parts.uploads.list("cluster") }),
    }),
    defineRoute({
      method: "post",
      path: "/scenarios",
      summary: "Upload a scenario: its YAML, or JSON with the files it names",
      tag: TAG,
      body: {
        kind: "raw",
        types: [...YAML, "application/json"],
        description:
          `A scenario, or a ScenarioUpload, up to ${SERVER_LIMITS.scenarioBytes} bytes. ` +
          "It may name its own files, clusters/ID and flows/ID; nothing else.",
      },
      answers: { 201: { description: "Kept", schema: scenarioSchema } },
      problems: ["bad-input", "limit", "full"],
      handle: ({ request }) => addScenario(parts, request),
    }),
    defineRoute({
      method: "post",
      path: "/flows",
      summary: "Upload a recording: Hubble flows, pcap or pcapng",
      tag: TAG,
      query: fileName,
      body: {
        kind: "raw",
        types: [
          "application/x-ndjson",
          "application/vnd.tcpdump.pcap",
          "application/octet-stream",
          "application/gzip",
        ],
        description:
          `A recording, gzipped or not, up to ${SERVER_LIMITS.flowsBytes} bytes.`,
      },
      answers: { 201: { description: "Kept", schema: flowsSchema } },
      problems: ["bad-input", "limit", "full"],
      handle: ({ request, query: { name = "flows" } }) =>
        addFlows(parts, { request, name }),
    }),
    defineRoute({
      method: "get",
      path: "/flows",
      summary: "Uploaded recordings",
      tag: TAG,
      answers: { 200: { description: "Recordings", schema: flowsListSchema } },
      handle: async () => json({ flows: await parts.uploads.list("flows") }),
    }),
  ];
}

interface NamedUpload {
  readonly request: Request;
  readonly name: string;
}

async function addCluster(
  { pool, uploads }: ServerParts,
  { request, name }: NamedUpload,
): Promise<Response> {
  const info = await uploads.add<ClusterInfo>({
    kind: "cluster",
    chunks: readBody(request, { maxBytes: SERVER_LIMITS.clusterBytes }),
    check: async ({ id, lengthBytes, path }) => {
      const question: Question = { kind: "check-cluster", path, name };
      const found = await answerOf<ClusterInfo>({ pool, question });
      return { ...found, id, name, lengthBytes, createdAt: now() };
    },
  });
  return created(info, `/clusters`);
}

async function addFlows(
  { pool, uploads }: ServerParts,
  { request, name }: NamedUpload,
): Promise<Response> {
  const info = await uploads.add<FlowsInfo>({
    kind: "flows",
    chunks: readBody(request, { maxBytes: SERVER_LIMITS.flowsBytes }),
    check: async ({ id, lengthBytes, path }) => {
      const question: Question = { kind: "check-flows", path, name };
      const { format } = await answerOf<FlowsInfo>({ pool, question });
      return { id, name, lengthBytes, createdAt: now(), format };
    },
  });
  return created(info, `/flows`);
}

async function addScenario(
  { pool, uploads }: ServerParts,
  request: Request,
): Promise<Response> {
  const upload = await scenarioUpload(request);
  const bytes = new TextEncoder().encode(JSON.stringify(upload));
  const kept = await uploads.add<KeptScenario>({
    kind: "scenario",
    chunks: chunkOf(bytes),
    check: async ({ id, lengthBytes, path }) => {
      const question: Question = { kind: "check-scenario", id, path };
      const info = await answerOf<ScenarioInfo>({ pool, question });
      return { id, lengthBytes, info };
    },
  });
  return created(kept.info, `/scenarios/${kept.id}`);
}

interface KeptScenario {
  readonly id: string;
  readonly lengthBytes: number;
  readonly info: ScenarioInfo;
}

async function scenarioUpload(request: Request): Promise<ScenarioUpload> {
  const limits = { maxBytes: SERVER_LIMITS.scenarioBytes };
  const type = request.headers.get("content-type") ?? "";
  if (!type.toLowerCase().startsWith("application/json")) {
    return { scenario: await readText(request, limits), files: {} };
  }
  const read = scenarioUploadSchema.safeParse(await readJson(request, limits));
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new HttpProblem(
    "bad-request",
    `Cannot read body: ${issue?.path.join(".")}: ${issue?.message}`,
  );
}

async function* chunkOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

async function answerOf<T>(
  { pool, question }: Pick<ServerParts, "pool"> & {
    readonly question: Question;
  },
): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await pool.ask(question))) as T;
}

function created(info: unknown, location: string): Response {
  const response = json(info, 201);
  response.headers.set("location", location);
  return response;
}

function now(): string {
  return new Date().toISOString();
}
