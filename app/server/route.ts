import type { Context, Hono } from "hono";
import { z } from "zod";
import { nearest, type Problem } from "../../core/errors.ts";
import { readJson } from "./body.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { HttpProblem, type ProblemKind } from "./problem.ts";

/** A body that is JSON. */
export interface JsonBody<Schema extends z.ZodType> {
  readonly kind: "json";
  readonly schema: Schema;
  readonly maxBytes: number;
}

/** A body that a handler reads by itself. */
export interface RawBody {
  readonly kind: "raw";
  /** Content types that are taken. */
  readonly types: readonly string[];
  readonly description: string;
}

/** An answer: JSON by a schema, or another type. */
export interface Answer {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly type?: string;
}

/** What a handler gets, checked. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly request: Request;
}

type Shape = z.ZodType<Readonly<Record<string, unknown>>>;

/** One route: what it takes, what it answers, and who does it. */
export interface Route<
  Params extends Shape = Shape,
  Query extends Shape = Shape,
  Body extends z.ZodType = z.ZodType,
> {
  readonly method: "get" | "post" | "delete";
  /** As OpenAPI writes it: `/runs/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: JsonBody<Body> | RawBody;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Problems it may answer with beside those of every route. */
  readonly problems?: readonly ProblemKind[];
  readonly handle: (
    call: Call<z.infer<Params>, z.infer<Query>, z.infer<Body>>,
  ) => Response | Promise<Response>;
}

/** A route of any types, as lists hold it. */
export type AnyRoute = Omit<Route, "handle"> & {
  readonly handle: (call: Call<never, never, never>) =>
    | Response
    | Promise<Response>;
};

/** Makes a route; the types of what its handler gets follow from its schemas. */
export function defineRoute<
  Params extends Shape,
  Query extends Shape,
  Body extends z.ZodType,
>(route: Route<Params, Query, Body>): AnyRoute {
  return route as unknown as AnyRoute;
}

/** An answer that is JSON. */
export function json(value: unknown, status = 200): Response {
  return jsonBytes(new TextEncoder().encode(JSON.stringify(value)), status);
}

/** An answer that is JSON already. */
export function jsonBytes(
  bytes: Uint8Array<ArrayBuffer>,
  status = 200,
): Response {
  return new Response(bytes, {
    status,
    headers: { "content-type": "application/json" },
  });
}

/** A whole number in a query or a path. */
export function wholeNumber(
  max: number,
  { min = 0 }: { readonly min?: number } = {},
): z.ZodType<number, string> {
  return z.string().regex(/^\d{1,15}$/, "expected a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .meta({ type: "integer", minimum: min, maximum: max }) as z.ZodType<
      number,
      string
    >;
}

/** What a request carries on its way through the app. */
export interface AppEnvironment {
  readonly Variables: {
    /** Pattern of the route that answers, for the metrics. */
    route: string;
  };
}

/** Puts routes into an app; other methods of their paths are told which there are. */
export function mount(
  app: Hono<AppEnvironment>,
  routes: readonly AnyRoute[],
): void {
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    const path = honoPath(route.path);
    const own = route.method.toUpperCase();
    methods.set(path, [...methods.get(path) ?? [], own]);
    app.on(own, path, (context) => answer(route, context));
  }
  for (const [path, own] of methods) {
    const allow = [...own, ...(own.includes("GET") ? ["HEAD"] : [])].join(", ");
    app.all(path, ({ req }) => {
      throw new HttpProblem(
        "method-not-allowed",
        `${req.method} is not a method of ${req.path}`,
        { headers: { allow } },
      );
    });
  }
}

async function answer(
  route: AnyRoute,
  context: Context<AppEnvironment>,
): Promise<Response> {
  context.set("route", route.path);
  const request = context.req.raw;
  const problems: Problem[] = [];
  const params = checked(route.params, {
    value: context.req.param(),
    where: "path",
    problems,
  });
  // A path that names nothing that could be there.
  if (problems.length > 0) {
    throw new HttpProblem("not-found", problems[0]!.message);
  }
  const query = checked(route.query ?? z.strictObject({}), {
    value: queryOf(context, problems),
    where: "query",
    problems,
  });
  if (problems.length > 0) throw badRequest(problems);
  const body = await bodyOf(route, request);
  const call = { params, query, body, request };
  return await route.handle(call as Call<never, never, never>);
}

async function bodyOf(route: AnyRoute, request: Request): Promise<unknown> {
  const { body } = route;
  if (body === undefined) return undefined;
  checkType(request, body.kind === "json" ? ["application/json"] : body.types);
  if (body.kind === "raw") return undefined;
  const value = await readJson(request, {
    maxBytes: body.maxBytes,
    totalMs: SERVER_LIMITS.bodyTotalMs,
  });
  const problems: Problem[] = [];
  const read = checked(body.schema, { value, where: "body", problems });
  if (problems.length > 0) throw badRequest(problems);
  return read;
}

function checkType(request: Request, types: readonly string[]): void {
  const written = request.headers.get("content-type") ?? "";
  const [type = ""] = written.toLowerCase().split(";");
  if (types.includes(type.trim())) return;
  throw new HttpProblem(
    "unsupported-type",
    `The content type is one of ${types.join(", ")}`,
    { headers: { accept: types.join(", ") } },
  );
}

function queryOf(
  context: Context,
  problems: Problem[],
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, all] of Object.entries(context.req.queries())) {
    if (all.length > 1) {
      problems.push(problemAt("query", `${name} stands there twice`));
    }
    values[name] = all[0]!;
  }
  return values;
}

function checked(
  schema: z.ZodType | undefined,
  { value, where, problems }: {
    readonly value: unknown;
    readonly where: string;
    readonly problems: Problem[];
  },
): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of flattened(result.error.issues).slice(0, 100)) {
    problems.push(issueProblem(issue, { where, schema }));
  }
  return undefined;
}

type Issue = z.core.$ZodIssue;

/** Of alternatives, the issues of the one that comes nearest. */
function flattened(
  issues: readonly Issue[],
  path: readonly PropertyKey[] = [],
): Issue[] {
  return issues.flatMap((issue): Issue[] => {
    const whole = [...path, ...issue.path];
    const [nearest] = issue.code === "invalid_union"
      ? [...issue.errors].sort((a, b) => a.length - b.length)
      : [];
    return nearest === undefined || nearest.length === 0
      ? [{ ...issue, path: whole } as Issue]
      : flattened(nearest as Issue[], whole);
  });
}

function issueProblem(
  issue: Issue,
  { where, schema }: { readonly where: string; readonly schema: z.ZodType },
): Problem {
  const path = issue.path.map(String).join(".");
  const place = path === "" ? where : `${where}: ${path}`;
  const problem = problemAt(where, `Cannot read ${place}: ${issue.message}`);
  if (issue.code !== "unrecognized_keys") return problem;
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const near = nearest(issue.keys[0] ?? "", known);
  return near === undefined ? problem : { ...problem, didYouMean: near };
}

function problemAt(file: string, message: string): Problem {
  return { message, at: { file, line: 1, column: 1 } };
}

function badRequest(problems: readonly Problem[]): HttpProblem {
  const [first, ...rest] = problems;
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
  return new HttpProblem("bad-request", `${first?.message}${more}`, {
    problems,
  });
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}
