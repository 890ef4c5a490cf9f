import { z } from "zod";
import { importManifests } from "../../../core/import/manifests.ts";
import { InputError } from "../../../core/errors.ts";
import { readCapture } from "../../input/capture.ts";
import { readHubble } from "../../input/hubble.ts";
import { isCapture } from "../../input/is_capture.ts";
import { PLUGINS, PRESETS } from "../../presets.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { problemJson } from "../problem.ts";
import type { WorkerPlaces } from "../protocol.ts";
import type {
  ClusterInfo,
  FlowsInfo,
  PluginInfo,
  ScenarioInfo,
  ScenarioSource,
  ScenarioUpload,
  StackInfo,
} from "../schemas.ts";
import {
  filesOf,
  libraryFiles,
  type OpenScenario,
  openScenario,
  readUpload,
} from "./open_scenario.ts";

/** Every plugin with what it claims. */
export async function plugins(): Promise<PluginInfo[]> {
  const modules = await Promise.all(
    Object.values(PLUGINS).map((load) => load()),
  );
  // What needs the machine itself is for the command line.
  const served = modules.filter((module) => !("available" in module));
  return served.map(({ default: { manifest, options } }) => ({
    name: manifest.name,
    version: manifest.version,
    apiVersion: manifest.apiVersion,
    scope: manifest.scope,
    consumes: [...manifest.consumes],
    kinds: [...manifest.kinds],
    hooks: Object.entries(manifest.hooks).map(([handler, at]) => ({
      handler,
      ...at,
    })),
    models: [...manifest.models],
    options: options instanceof z.ZodType
      ? z.toJSONSchema(options, { io: "input", unrepresentable: "any" })
      : null,
  }));
}

/** Every preset with the plugins that it stands for. */
export function stacks(): StackInfo[] {
  return Object.entries(PRESETS).map(([name, { about, expand }]) => ({
    name,
    about,
    plugins: expand({}).plugins.map(({ plugin }) => plugin),
  }));
}

/** The scenarios of the library, and the uploads. One that cannot be read says why. */
export function scenarios(
  uploaded: readonly string[],
  places: WorkerPlaces,
): ScenarioInfo[] {
  return [...libraryFiles(places.scenarios).keys(), ...uploaded]
    .map((id) => scenarioInfo(id, places));
}

/** One scenario by its id. */
export function scenarioInfo(id: string, places: WorkerPlaces): ScenarioInfo {
  try {
    return infoOf(id, openScenario(id, places));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const problems = error.problems.map(problemJson);
    return { ...UNREADABLE, id, kind: kindOf(id), name: id, problems };
  }
}

/** One scenario with its text and its files. */
export function scenarioSource(
  id: string,
  places: WorkerPlaces,
): ScenarioSource {
  const open = openScenario(id, places);
  const { scenario } = open;
  return {
    scenario: infoOf(id, open),
    file: scenario.source.file,
    text: scenario.text,
    files: [...filesOf(scenario)],
  };
}

/** What an upload is; an `InputError` when it cannot be used. */
export function checkScenario(
  { id, path }: { readonly id: string; readonly path: string },
  places: WorkerPlaces,
): ScenarioInfo {
  const upload = JSON.parse(Deno.readTextFileSync(path)) as ScenarioUpload;
  return infoOf(id, readUpload(upload, places));
}

/** What manifests make of a cluster; an `InputError` when they cannot be read. */
export function checkCluster(
  { path, name }: { readonly path: string; readonly name: string },
): Pick<ClusterInfo, "counts" | "ignored" | "warnings"> {
  const text = textOf(path, name);
  const { events, ignored, warnings } = importManifests([{ file: name, text }]);
  const counts: Record<string, number> = {};
  for (const { type } of events) counts[type] = (counts[type] ?? 0) + 1;
  return {
    counts,
    ignored: { ...ignored },
    warnings: warnings.slice(0, 100).map(problemJson),
  };
}

/** What a recording is, by its beginning; an `InputError` when it makes no sense. */
export async function checkFlows(
  { path, name }: { readonly path: string; readonly name: string },
): Promise<Pick<FlowsInfo, "format">> {
  try {
    return { format: await formatOf(path) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(error.problems.map(({ message, at, ...rest }) => ({
      ...rest,
      message: message.replaceAll(path, name),
      at: { ...at, file: name },
    })));
  }
}

async function formatOf(path: string): Promise<FlowsInfo["format"]> {
  if (await isCapture(path)) {
    for await (const _ of readCapture(path)) break;
    return "pcap";
  }
  const recording = readHubble(path);
  for await (const _ of recording) break;
  const { stats } = recording;
  if (stats.folded > 0) return "hubble";
  throw new InputError(
    stats.problems.length > 0 ? stats.problems : [{
      message: "Cannot read flows: there is none in it",
      at: { file: path, line: 1, column: 1 },
      expected: "hubble observe -o jsonpb, pcap or pcapng; gzipped or not",
    }],
  );
}

const UNREADABLE = {
  catalogueId: null,
  description: null,
  labels: {},
  refs: [],
  stacks: [],
  baseline: null,
  steps: 0,
  seed: 0,
  missing: [],
};

function infoOf(id: string, { scenario }: OpenScenario): ScenarioInfo {
  const { stacks, labels, refs, missing, steps } = scenario;
  return {
    id,
    kind: kindOf(id),
    catalogueId: scenario.id,
    name: scenario.name,
    description: scenario.description,
    labels: { ...labels },
    refs: [...refs],
    stacks: (stacks ?? []).map(({ name }) => name),
    baseline: scenario.baseline,
    steps: steps.length,
    seed: scenario.seed,
    missing: [...missing],
    problems: [],
  };
}

function kindOf(id: string): ScenarioInfo["kind"] {
  return /^s-[0-9a-f]{32}$/.test(id) ? "uploaded" : "library";
}

function textOf(path: string, name: string): string {
  try {
    const bytes = Deno.readFileSync(path);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new InputError([{
      message: `Cannot read ${name}: it is no text`,
      at: { file: name, line: 1, column: 1 },
      expected:
        `YAML or JSON in UTF-8, up to ${SERVER_LIMITS.clusterBytes} bytes`,
    }], { cause });
  }
}
