import { SERVER_LIMITS } from "../limits.ts";
import { LimitError, type WorkerPlaces } from "../protocol.ts";
import type { CompareAnswer, CompareRequest, FlowRow } from "../schemas.ts";
import { openRequest } from "./open_scenario.ts";
import { replayRequest } from "./replay_request.ts";

/** Compares stacks at once; for what is small. */
export async function compare(
  request: CompareRequest,
  places: WorkerPlaces,
): Promise<CompareAnswer> {
  const open = await openRequest(request, places);
  const flows = open.tape.filter(({ type }) => type === "flow.opened").length;
  if (flows > SERVER_LIMITS.comparedFlows) {
    throw new LimitError(
      `Cannot compare ${flows} flows at once, more than ${SERVER_LIMITS.comparedFlows}: start a run`,
    );
  }
  const rows: FlowRow[] = [];
  const { summary } = await replayRequest(open, {
    hops: request.trace === "full",
    onEvent: (_, flow) => {
      if (flow !== undefined) rows.push(flow.row);
    },
  });
  const { id, scenario, seed } = open;
  return { scenario: id, name: scenario.name, seed, summary, flows: rows };
}
