import { z } from "zod";
import { PROBLEM_KINDS, type ProblemKind } from "./problem.ts";
import type { AnyRoute } from "./route.ts";
import { NAMED_SCHEMAS, problemDetailsSchema } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

/** Problems that any route may answer with. */
const EVERYWHERE: readonly ProblemKind[] = [
  "bad-request",
  "unauthorized",
  "forbidden",
  "internal",
  "unavailable",
];

/** The OpenAPI 3.1 document of the routes, made from their schemas. */
export function openApiDocument(
  routes: readonly AnyRoute[],
  { version }: { readonly version: string },
): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = paths[route.path] ??= {};
    path[route.method] = operation(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Plumbline",
      version,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      description:
        "Replays the same traffic through several Kubernetes datapaths and says where they part.",
    },
    servers: [{ url: "/" }],
    security: [{}, { token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: namedSchemas(),
    },
  };
}

function operation(route: AnyRoute): Json {
  const { summary, tag, body } = route;
  return {
    summary,
    tags: [tag],
    operationId: operationId(route),
    parameters: parameters(route),
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: { ...answers(route), ...problems(route) },
  };
}

/** `get /runs/{id}/outcomes` is `getRunsIdOutcomes`. */
function operationId({ method, path }: AnyRoute): string {
  const words = path.split(/\W+/).filter((word) => word !== "");
  return method + words.map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join("");
}

function parameters({ params, query, headers }: AnyRoute): Json[] {
  const fields = (where: "path" | "query", schema: z.ZodType | undefined) => {
    if (schema === undefined) return [];
    const { properties = {}, required = [] } = jsonSchema(schema, "input");
    return Object.entries(properties as Record<string, Json>).map((
      [name, { description, ...schema }],
    ) => ({
      name,
      in: where,
      required: where === "path" || (required as string[]).includes(name),
      ...(description === undefined ? {} : { description }),
      schema,
    }));
  };
  return [
    ...fields("path", params),
    ...fields("query", query),
    ...Object.entries(headers ?? {}).map(([name, description]) => ({
      name,
      in: "header",
      description,
      schema: { type: "string" },
    })),
  ];
}

function requestBody(body: NonNullable<AnyRoute["body"]>): Json {
  if (body.kind === "json") {
    const schema = jsonSchema(body.schema, "input");
    return { required: true, content: { "application/json": { schema } } };
  }
  const content = body.types.map((type) => [type, { schema: {} }]);
  const { description } = body;
  return { required: true, description, content: Object.fromEntries(content) };
}

function answers({ answers }: AnyRoute): Json {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema, type }]) => {
      const media = schema === undefined
        ? { schema: {} }
        : { schema: jsonSchema(schema, "output") };
      const content = schema === undefined && type === undefined
        ? {}
        : { content: { [type ?? "application/json"]: media } };
      return [status, { description, ...content }];
    }),
  );
}

function problems({ problems = [], params, body }: AnyRoute): Json {
  const kinds = new Set<ProblemKind>([...EVERYWHERE, ...problems]);
  if (params !== undefined) kinds.add("not-found");
  if (body !== undefined) {
    for (
      const kind of ["too-large", "unsupported-type", "timeout"] as const
    ) kinds.add(kind);
  }
  const byStatus = new Map<number, string[]>();
  for (const kind of kinds) {
    const { status, title } = PROBLEM_KINDS[kind];
    byStatus.set(status, [...byStatus.get(status) ?? [], title]);
  }
  const schema = jsonSchema(problemDetailsSchema, "output");
  return Object.fromEntries(
    [...byStatus].sort(([a], [b]) => a - b).map(([status, titles]) => [status, {
      description: titles.join("; "),
      content: { "application/problem+json": { schema } },
    }]),
  );
}

/** Named schemas go in by reference. */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): Json {
  const named = NAMED_SCHEMAS.get(schema);
  if (named !== undefined) return { $ref: reference(named.id) };
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}

function namedSchemas(): Json {
  const { schemas } = z.toJSONSchema(NAMED_SCHEMAS, {
    uri: reference,
    io: "input",
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, schema]) => {
      const { $schema: _, $id: __, ...rest } = schema;
      return [id, rest];
    }),
  );
}

function reference(id: string): string {
  return `#/components/schemas/${id}`;
}
