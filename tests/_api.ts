import { z } from "zod";
import { assert, assertEquals } from "@std/assert";
import {
  DEFAULT_RUN_LIMITS,
  type OpenServer,
  openServer,
  type ServerOptions,
} from "../app/server/open_server.ts";
import type { Run } from "../app/server/schemas.ts";

/** What a test asks a server with. */
export interface Client {
  readonly server: OpenServer;
  readonly data: string;
  readonly errors: readonly unknown[];
  ask(path: string, init?: RequestInit): Promise<Response>;
  post(
    path: string,
    body: unknown,
    headers?: Record<string, string>,
  ): Promise<Response>;
}

/** Opens a server without a socket, in a directory of its own, and closes it again. */
export async function withServer(
  test: (client: Client) => Promise<void>,
  options: Omit<ServerOptions, "data"> & { readonly data?: string } = {},
): Promise<void> {
  const data = options.data ??
    await Deno.makeTempDir({ prefix: "plumbline-api-" });
  const errors: unknown[] = [];
  const server = await openServer({
    assets: new Map(),
    ...options,
    data,
    report: (error) => errors.push(error),
  });
  const ask = async (path: string, init?: RequestInit) =>
    await server.app.request(`http://localhost${path}`, init);
  try {
    await test({
      server,
      data,
      errors,
      ask,
      post: (path, body, headers = {}) =>
        ask(path, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify(body),
        }),
    });
    assertEquals(errors.map(String), []);
  } catch (error) {
    const [first] = errors;
    throw first === undefined
      ? error
      : new Error(`${error}\nthe server's own: ${first}`, { cause: error });
  } finally {
    await server.stop(0);
    if (options.data === undefined) {
      await Deno.remove(data, { recursive: true });
    }
  }
}

export { DEFAULT_RUN_LIMITS };

/** Waits until a run is over. */
export async function ended(
  client: Pick<Client, "ask">,
  id: string,
): Promise<Run> {
  for (;;) {
    const run = await (await client.ask(`/runs/${id}`)).json() as Run;
    if (!["queued", "running"].includes(run.status)) return run;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

type Json = Record<string, unknown>;

/** An OpenAPI document as far as answers are checked against it. */
export interface ApiDocument {
  readonly paths: Record<
    string,
    Record<string, {
      readonly responses: Record<string, {
        readonly content?: Record<string, { readonly schema: Json }>;
      }>;
    }>
  >;
  readonly components: { readonly schemas: Json };
}

/** Checks answers against a document: status, content type, and every field. */
export class Contract {
  readonly #document: ApiDocument;
  readonly #schemas = new Map<string, z.ZodType>();
  readonly seen = new Set<string>();

  constructor(document: ApiDocument) {
    this.#document = document;
  }

  /** Checks an answer of `get /runs/{id}`; gives its body. */
  async check(operation: string, response: Response): Promise<unknown> {
    const [method, path] = operation.split(" ") as [string, string];
    const { status } = response;
    this.seen.add(`${operation} ${status}`);
    const about = `${operation} ${status}`;
    const known = this.#document.paths[path]?.[method]?.responses[status];
    assert(known !== undefined, `${about} is not in the document`);
    const type = (response.headers.get("content-type") ?? "").split(";")[0]!;
    const text = await response.text();
    if (known.content === undefined) {
      assertEquals(text, "", about);
      return undefined;
    }
    const types = Object.keys(known.content);
    const any = types.includes("application/octet-stream");
    assert(any || types.includes(type), `${about}: ${type} is not of ${types}`);
    if (!type.endsWith("json") || !types.includes(type)) return text;
    const value: unknown = JSON.parse(text);
    const result = this.#schemaOf(about, known.content[type]!.schema)
      .safeParse(value);
    assert(
      result.success,
      `${about}: ${JSON.stringify(result.error?.issues.slice(0, 3))}\n${
        text.slice(0, 500)
      }`,
    );
    return value;
  }

  #schemaOf(about: string, schema: Json): z.ZodType {
    let made = this.#schemas.get(about);
    if (made === undefined) {
      const whole = { ...schema, $defs: this.#document.components.schemas };
      const text = JSON.stringify(whole)
        .replaceAll("#/components/schemas/", "#/$defs/");
      made = z.fromJSONSchema(JSON.parse(text));
      this.#schemas.set(about, made);
    }
    return made;
  }
}
