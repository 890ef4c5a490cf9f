import type { ProblemJson } from "../../server/schemas.ts";
import { ApiError } from "./api.ts";

/** Remarks on an input, each at its place. */
export function Problems(
  { problems }: { readonly problems: readonly ProblemJson[] },
) {
  if (problems.length === 0) return null;
  return (
    <details>
      <summary>
        {`${problems.length} ${problems.length === 1 ? "remark" : "remarks"}`}
      </summary>
      <ul class="plain problems">
        {problems.map((problem, index) => (
          <li key={index}>
            <span class="position">
              {`${problem.file}:${problem.line}:${problem.column}`}
            </span>
            {` ${problem.message}`}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** An error with the places in the input that it is about. */
export function Failed({ error }: { readonly error: Error }) {
  const problems = error instanceof ApiError ? error.problems : [];
  return (
    <div class="problem" role="alert">
      <p>{error.message}</p>
      {problems.map((problem, index) => (
        <div key={index}>
          <p class="position">
            {`${problem.file}:${problem.line}:${problem.column}`}
          </p>
          {problem.excerpt && <pre tabIndex={0}>{problem.excerpt}</pre>}
          {problem.expected && <p>{`Expected: ${problem.expected}`}</p>}
          {problem.didYouMean && <p>{`Did you mean ${problem.didYouMean}?`}</p>}
        </div>
      ))}
    </div>
  );
}
