import { SERVER_LIMITS } from "./limits.ts";
import { HttpProblem } from "./problem.ts";
import type { Run } from "./schemas.ts";
import type { ServerParts } from "./server_parts.ts";

/** Milliseconds after which a quiet stream says that it is still there. */
const BEAT_MS = 15_000;

const OVER: ReadonlySet<Run["status"]> = new Set([
  "finished",
  "failed",
  "cancelled",
  "interrupted",
]);

let open = 0;

/** A run as it stands, again after every change, until it is over. */
export async function eventStream(
  { runs, stopping }: Pick<ServerParts, "runs" | "stopping">,
  { id, signal }: { readonly id: string; readonly signal: AbortSignal },
): Promise<Response> {
  const run = await runs.get(id);
  if (open >= SERVER_LIMITS.eventStreams) {
    throw new HttpProblem("unavailable", "Too many streams are open");
  }
  open++;
  const encoder = new TextEncoder();
  let stop = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let ended = false;
      const end = () => {
        if (ended) return;
        ended = true;
        open--;
        unlisten();
        clearInterval(beat);
        stopping.removeEventListener("abort", end);
        try {
          controller.close();
        } catch {
          // Whoever listened has closed it already.
        }
      };
      const send = (text: string, isLast = false) => {
        // A listener that does not keep up misses what is overtaken anyway.
        const keepsUp = (controller.desiredSize ?? 0) > -64;
        if (!ended && (keepsUp || isLast)) {
          controller.enqueue(encoder.encode(text));
        }
      };
      const tell = (run: Run) => {
        const isLast = OVER.has(run.status);
        send(`event: run\ndata: ${JSON.stringify(run)}\n\n`, isLast);
        if (isLast) end();
      };
      const beat = setInterval(() => send(": still here\n\n"), BEAT_MS);
      const unlisten = runs.listen(id, tell);
      stopping.addEventListener("abort", end);
      signal.addEventListener("abort", end);
      stop = end;
      tell(run);
    },
    cancel: () => stop(),
  });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
    },
  });
}
