import { InputError } from "../../core/errors.ts";
import type { Problem } from "../../core/errors.ts";
import type { ProblemDetails, ProblemJson } from "./schemas.ts";

/** Kinds of problems, with the status and the title that each has. */
export const PROBLEM_KINDS = {
  "bad-input": { status: 422, title: "The input cannot be used" },
  "bad-request": { status: 400, title: "The request cannot be understood" },
  "unauthorized": { status: 401, title: "A token is needed" },
  "forbidden": { status: 403, title: "The request is not allowed" },
  "not-found": { status: 404, title: "There is no such thing" },
  "method-not-allowed": { status: 405, title: "The method is not allowed" },
  "timeout": { status: 408, title: "The request took too long to arrive" },
  "conflict": { status: 409, title: "It is not in a state for that" },
  "too-large": { status: 413, title: "The request is too large" },
  "unsupported-type": { status: 415, title: "The content type is not taken" },
  "limit": { status: 422, title: "It takes more than the server gives" },
  "internal": { status: 500, title: "An error of our own" },
  "unavailable": { status: 503, title: "The server cannot do it now" },
  "full": { status: 507, title: "There is no room left" },
} as const;

/** Which kind of problem. */
export type ProblemKind = keyof typeof PROBLEM_KINDS;

/** An error that is an answer: RFC 9457 problem details. */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";
  readonly code: ProblemKind;
  readonly problems: readonly Problem[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ProblemKind,
    detail: string,
    { problems = [], headers = {}, cause }: {
      readonly problems?: readonly Problem[];
      readonly headers?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(detail, { cause });
    this.code = code;
    this.problems = problems;
    this.headers = headers;
  }
}

/** The answer that an error is; what is nobody's fault but ours says nothing of itself. */
export function problemResponse(error: unknown): Response {
  const problem = asProblem(error);
  const { status, title } = PROBLEM_KINDS[problem.code];
  const details: ProblemDetails = {
    type: `urn:plumbline:problem:${problem.code}`,
    title,
    status,
    detail: problem.message,
    ...(problem.problems.length === 0
      ? {}
      : { problems: problem.problems.map(problemJson) }),
  };
  return new Response(JSON.stringify(details), {
    status,
    headers: {
      ...problem.headers,
      "content-type": "application/problem+json",
    },
  });
}

/** A problem with its place flat. */
export function problemJson({ at, ...about }: Problem): ProblemJson {
  const { file, line, column } = at;
  return { ...about, file, line, column };
}

function asProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof InputError) {
    const { problems } = error;
    const more = problems.length > 1
      ? ` (and ${problems.length - 1} more)`
      : "";
    return new HttpProblem("bad-input", `${problems[0]?.message}${more}`, {
      problems,
      cause: error,
    });
  }
  return new HttpProblem("internal", "See the server's own output", {
    cause: error,
  });
}
