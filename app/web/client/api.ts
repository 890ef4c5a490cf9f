import { download } from "./download.ts";
import type {
  ClusterInfo,
  CompareAnswer,
  Edge,
  FlowRow,
  FlowsInfo,
  JourneysAnswer,
  LogPage,
  ProblemDetails,
  RuleHits,
  Run,
  ScenarioInfo,
  ScenarioSource,
  StackInfo,
  StateAnswer,
  Summary,
} from "../../server/schemas.ts";

/** One page of a list, with the cursor of the next. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** Which traffic to replay through which stacks. */
export interface RecordingRequest {
  readonly cluster: string;
  readonly flows: string;
  readonly stacks: readonly string[];
}

/** Thrown when the server answers with a problem, or not at all. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly problems: NonNullable<ProblemDetails["problems"]>;

  constructor(
    message: string,
    { status = 0, problems = [] }: {
      readonly status?: number;
      readonly problems?: ProblemDetails["problems"];
    } = {},
  ) {
    super(message);
    this.status = status;
    this.problems = problems;
  }
}

/** The server's routes, as far as the page uses them. */
export const api = {
  scenarios: async (): Promise<readonly ScenarioInfo[]> =>
    (await get<{ scenarios: ScenarioInfo[] }>("/scenarios")).scenarios,

  stacks: async (): Promise<readonly StackInfo[]> =>
    (await get<{ stacks: StackInfo[] }>("/stacks")).stacks,

  /** Small scenarios are compared at once, with every hop. */
  compare: (scenario: string, stacks: readonly string[]) =>
    postJson<CompareAnswer>("/compare", {
      scenario,
      trace: "full",
      ...chosen(stacks),
    }),

  /** Manifests and flows of our own making. */
  compareManifests: (
    request: {
      readonly manifests: string;
      readonly flows: readonly { readonly from: string; readonly to: string }[];
      readonly stacks: readonly string[];
    },
  ) => postJson<CompareAnswer>("/compare", request),

  startScenario: (
    scenario: string,
    { stacks, key }: {
      readonly stacks: readonly string[];
      /** Equal keys give the run that is there already. */
      readonly key: string;
    },
  ) =>
    postJson<Run>("/runs", { scenario, trace: "full", ...chosen(stacks) }, {
      "idempotency-key": key,
    }),

  startRecording: (request: RecordingRequest) =>
    postJson<Run>("/runs", request),

  runs: async (): Promise<readonly Run[]> =>
    (await get<Page<Run>>("/runs?limit=20")).items,

  run: (id: string) => get<Run>(`/runs/${id}`),

  cancel: (id: string) =>
    answer<Run>(`/runs/${id}`, { method: "DELETE", headers: {} }),

  summary: (id: string) => get<Summary>(`/runs/${id}/summary`),

  flows: (id: string, cursor: string | null) =>
    get<Page<FlowRow>>(
      `/runs/${id}/outcomes?limit=1000${
        cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`
      }`,
    ),

  journeys: (id: string, index: number) =>
    get<JourneysAnswer>(`/runs/${id}/flows/${index}/journeys`),

  events: (
    id: string,
    { stack, from, limit, type }: {
      readonly stack: string;
      readonly from: number;
      readonly limit: number;
      readonly type?: string;
    },
  ) =>
    get<LogPage>(
      `/runs/${id}/log?${new URLSearchParams({
        stack,
        from: String(from),
        limit: String(limit),
        ...(type === undefined ? {} : { type }),
      })}`,
    ),

  state: (id: string, { stack, at }: { stack: string; at: number }) =>
    get<StateAnswer>(
      `/runs/${id}/state?${new URLSearchParams({ stack, at: String(at) })}`,
    ),

  /** A scenario's text, and the files that it names. */
  scenarioSource: (id: string) =>
    get<ScenarioSource>(`/scenarios/${encodeURIComponent(id)}`),

  /** Fetched, not linked to: a link sends no token. */
  downloadLog: async (id: string, stack: string): Promise<void> => {
    const query = new URLSearchParams({ stack });
    const response = await request(`/runs/${id}/log/file?${query}`, {
      headers: {},
    });
    download(await response.blob(), `${id}-${stack}.dplog`);
  },

  rules: (id: string) =>
    get<{ readonly rules: readonly RuleHits[]; readonly more: number }>(
      `/runs/${id}/rules`,
    ),

  edges: (id: string) =>
    get<{ readonly edges: readonly Edge[]; readonly more: number }>(
      `/runs/${id}/edges`,
    ),

  uploadScenario: (body: Blob) =>
    post<ScenarioInfo>("/scenarios", body, "application/yaml"),

  uploadCluster: (body: Blob, name: string) =>
    post<ClusterInfo>(
      `/clusters?name=${encodeURIComponent(name)}`,
      body,
      "application/yaml",
    ),

  uploadFlows: (body: Blob, name: string) =>
    post<FlowsInfo>(
      `/flows?name=${encodeURIComponent(name)}`,
      body,
      "application/octet-stream",
    ),
};

/**
 * Calls back with the run each time it has moved on; returns what stops that.
 * The stream of events is read by fetch, which can send a token along.
 */
export function watchRun(
  id: string,
  onRun: (run: Run) => void,
): () => void {
  const stop = new AbortController();
  const look = async (): Promise<boolean> => {
    const run = await api.run(id);
    if (!stop.signal.aborted) onRun(run);
    return isOver(run);
  };
  const watch = async () => {
    while (!stop.signal.aborted && !(await look())) {
      const response = await fetch(`/runs/${id}/events`, {
        headers: withToken({ accept: "text/event-stream" }),
        signal: stop.signal,
      });
      if (!response.ok || response.body === null) return;
      for await (const _ of chunksOf(response.body)) {
        if (await look()) return;
      }
    }
  };
  // A run that is no longer watched, or a server that went away: the page says so where it asks.
  watch().catch(() => {});
  return () => stop.abort();
}

async function* chunksOf(body: ReadableStream<Uint8Array>) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Whether nothing more will come of a run. */
export function isOver({ status }: Run): boolean {
  return status !== "queued" && status !== "running";
}

/** Whether it was refused for its size alone. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof ApiError && error.status === 422 &&
    error.problems.length === 0;
}

function chosen(stacks: readonly string[]): { stacks?: readonly string[] } {
  return stacks.length === 0 ? {} : { stacks };
}

async function get<T>(path: string): Promise<T> {
  return await answer<T>(path, { headers: { accept: "application/json" } });
}

async function postJson<T>(
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<T> {
  return await answer<T>(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function post<T>(path: string, body: Blob, type: string): Promise<T> {
  return await answer<T>(path, {
    method: "POST",
    headers: { "content-type": type },
    body,
  });
}

const TOKEN = "token";

/** Keeps a token for this tab; servers on other addresses than loopback ask for one. */
export function keepToken(token: string): void {
  sessionStorage.setItem(TOKEN, token);
}

function withToken(
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN);
  return token === null
    ? { ...headers }
    : { ...headers, authorization: `Bearer ${token}` };
}

interface ApiRequest {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Blob;
}

async function answer<T>(path: string, asked: ApiRequest): Promise<T> {
  return await (await request(path, asked)).json() as T;
}

async function request(path: string, asked: ApiRequest): Promise<Response> {
  let response: Response;
  try {
    const headers = withToken(asked.headers);
    response = await fetch(path, { ...asked, headers });
  } catch {
    throw new ApiError("The server does not answer. Is it still running?");
  }
  if (response.ok) return response;
  const details = await response.json().catch(() => null) as
    | ProblemDetails
    | null;
  throw new ApiError(
    details?.detail ?? `The server answered ${response.status}`,
    {
      status: response.status,
      ...(details?.problems ? { problems: details.problems } : {}),
    },
  );
}
