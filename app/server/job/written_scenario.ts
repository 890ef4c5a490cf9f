import type { ManifestFile } from "../../../core/import/manifests.ts";
import { parseScenario } from "../../../core/scenario/parse_scenario.ts";
import type { Scenario } from "../../../core/scenario/scenario.ts";
import type { CompareRequest, RunRequest } from "../schemas.ts";

type Written = Extract<CompareRequest, { manifests: unknown }>;
type Recorded = Extract<RunRequest, { cluster: unknown }>;

/** Name of the file that positions in a request's flows are given in. */
const REQUEST = "request";

const MANIFESTS = "manifests.yaml";

/** The scenario that manifests and flows of a request make: one line a flow, so that an excerpt shows it. */
export function writtenScenario({ manifests, flows }: Written): Scenario {
  const files: readonly ManifestFile[] = typeof manifests === "string"
    ? [{ file: MANIFESTS, text: manifests }]
    : manifests;
  const steps = flows.map(({ name, ...send }, index) =>
    JSON.stringify({ name: name ?? `flow ${index + 1}`, at: "0s", send })
  );
  return parse(steps, { name: "request", files });
}

/** The scenario that replays an uploaded recording in an uploaded cluster. */
export function recordedScenario(
  { flows, where, limit }: Recorded,
  { files, format }: {
    readonly files: readonly ManifestFile[];
    readonly format: "hubble" | "pcap";
  },
): Scenario {
  const replay = { [format]: `flows/${flows}`, where, limit };
  const steps = [JSON.stringify({ name: "recording", replay })];
  return parse(steps, { name: "recording", files });
}

function parse(
  steps: readonly string[],
  { name, files }: {
    readonly name: string;
    readonly files: readonly ManifestFile[];
  },
): Scenario {
  const text = [
    "apiVersion: plumbline/v1",
    "kind: Scenario",
    `metadata: { name: ${name} }`,
    ...(files.length === 0 ? [] : ["fixtures: [manifests]"]),
    "steps:",
    ...steps.map((step) => `  - ${step}`),
    "",
  ].join("\n");
  return parseScenario(text, { file: REQUEST, readFixture: () => files });
}
