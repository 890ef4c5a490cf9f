import { SERVER_LIMITS } from "./limits.ts";
import { HttpProblem } from "./problem.ts";

/** How much of a body is taken, and for how long. */
export interface BodyLimits {
  readonly maxBytes: number;
  readonly idleMs?: number;
  readonly totalMs?: number;
}

/** The chunks of a body; a body that is too long, or too slow, is an {@link HttpProblem}. */
export async function* readBody(
  request: Request,
  {
    maxBytes,
    idleMs = SERVER_LIMITS.bodyIdleMs,
    totalMs = Infinity,
  }: BodyLimits,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  if (request.body === null) return;
  const reader = request.body.getReader();
  const endMs = performance.now() + totalMs;
  let lengthBytes = 0;
  try {
    for (;;) {
      const waitMs = Math.min(idleMs, endMs - performance.now());
      const { value, done } = await within(waitMs, reader.read().catch(cutOff));
      if (done) return;
      lengthBytes += value.length;
      if (lengthBytes > maxBytes) throw tooLarge(maxBytes);
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** A body as text; an {@link HttpProblem} when it is no UTF-8. */
export async function readText(
  request: Request,
  limits: BodyLimits,
): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const parts: string[] = [];
  try {
    for await (const chunk of readBody(request, limits)) {
      parts.push(decoder.decode(chunk, { stream: true }));
    }
    parts.push(decoder.decode());
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new HttpProblem("bad-request", "The body is no UTF-8", { cause });
  }
  return parts.join("");
}

/** A body as JSON that is not nested too deep for whoever looks into it. */
export async function readJson(
  request: Request,
  limits: BodyLimits,
): Promise<unknown> {
  const text = await readText(request, limits);
  if (deeperThan(SERVER_LIMITS.jsonDepth, text)) {
    throw new HttpProblem(
      "bad-request",
      `The body is nested deeper than ${SERVER_LIMITS.jsonDepth}`,
    );
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HttpProblem("bad-request", `The body is no JSON: ${reason}`, {
      cause,
    });
  }
}

function deeperThan(depth: number, json: string): boolean {
  let open = 0;
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case '"':
        at = stringEnd(json, at);
        break;
      case "[":
      case "{":
        if (++open > depth) return true;
        break;
      case "]":
      case "}":
        open--;
    }
  }
  return false;
}

function stringEnd(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    if (json[at] === "\\") at++;
    else if (json[at] === '"') return at;
  }
  return json.length;
}

async function within<T>(waitMs: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new HttpProblem("timeout", "The body comes too slowly")),
      Math.max(0, waitMs),
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function cutOff(cause: unknown): never {
  throw new HttpProblem("bad-request", "The body was cut off", { cause });
}

function tooLarge(maxBytes: number): HttpProblem {
  return new HttpProblem(
    "too-large",
    `The body has more than ${maxBytes} bytes`,
  );
}
