import { dirname, join, normalize } from "node:path";
import { SourceText } from "../../../core/_yaml_text.ts";
import { InputError, type Problem } from "../../../core/errors.ts";
import type { Tape } from "../../../core/event.ts";
import type { ManifestFile } from "../../../core/import/manifests.ts";
import type { Stack } from "../../../core/replay/plugin.ts";
import { parseScenario } from "../../../core/scenario/parse_scenario.ts";
import type {
  FileReference,
  Scenario,
  StackChoice,
  Step,
  StepAction,
} from "../../../core/scenario/scenario.ts";
import {
  scenarioTape,
  type TapeChange,
} from "../../../core/scenario/scenario_tape.ts";
import { isCapture } from "../../input/is_capture.ts";
import { readManifests } from "../../input/manifests.ts";
import { loadStack } from "../../load_stack.ts";
import { machineOf } from "../../presets.ts";
import { findScenarios } from "../../read_scenario.ts";
import { readRecordings } from "../../read_recordings.ts";
import { stacksOf } from "../../run.ts";
import { isUploadId } from "../ids.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { LimitError, MissingError, type WorkerPlaces } from "../protocol.ts";
import type {
  CompareRequest,
  RunRequest,
  ScenarioUpload,
  StackRequest,
} from "../schemas.ts";
import { uploadPath } from "../upload_path.ts";
import { recordedScenario, writtenScenario } from "./written_scenario.ts";

/** A scenario of the library or an upload, read; its files are only those it may have. */
export interface OpenScenario {
  readonly scenario: Scenario;
  /** Where a recording is that it names. */
  readonly pathOf: (path: string) => string;
}

/** Everything that a replay of a request needs. */
export interface OpenRequest {
  /** Id of its scenario; null when the request brought its own. */
  readonly id: string | null;
  readonly scenario: Scenario;
  readonly tape: Tape;
  readonly stepOf: ReadonlyMap<string, Step>;
  /** What steps change, in tape order. */
  readonly changes: readonly TapeChange[];
  readonly choices: readonly StackChoice[];
  readonly stacks: readonly Stack[];
  readonly baseline: number;
  readonly seed: number;
  /** The stacks are not those of the scenario. */
  readonly otherStacks: boolean;
  readonly ignored: Readonly<Record<string, number>>;
  readonly warnings: readonly Problem[];
}

/** Reads what a request is about, and loads its stacks. */
export async function openRequest(
  request: CompareRequest | RunRequest,
  places: WorkerPlaces,
): Promise<OpenRequest> {
  const { scenario, pathOf } = await scenarioOf(request, places);
  checkComplete(scenario);
  const { choices, stacks } = await openStacks(scenario, request.stacks);
  const recordings = await readRecordings(scenario, { pathOf });
  const read = scenarioTape(scenario, { recordings });
  if (read.tape.length > SERVER_LIMITS.tapeEvents) {
    throw new LimitError(
      `Cannot run ${scenario.name}: its tape has ${read.tape.length} events, more than ${SERVER_LIMITS.tapeEvents}`,
    );
  }
  const named = choices.findIndex(({ name }) => name === scenario.baseline);
  const bringsItsOwn = !("scenario" in request);
  return {
    ...read,
    id: "scenario" in request ? request.scenario : null,
    scenario,
    choices,
    stacks,
    baseline: Math.max(0, named),
    seed: request.seed ?? scenario.seed,
    otherStacks: bringsItsOwn || request.stacks !== undefined,
  };
}

/** What a run would be called; throws what is wrong with its request, as far as that shows early. */
export async function checkRun(
  request: RunRequest,
  places: WorkerPlaces,
): Promise<{ readonly name: string }> {
  const { scenario } = await scenarioOf(request, places);
  checkComplete(scenario);
  await openStacks(scenario, request.stacks);
  return { name: scenario.name };
}

/** Loads the stacks that are asked for, in place of a scenario's own. */
export async function openStacks(
  scenario: Scenario,
  requests: readonly StackRequest[] | undefined,
): Promise<{ choices: readonly StackChoice[]; stacks: readonly Stack[] }> {
  const choices = requests === undefined
    ? stacksOf(scenario, undefined)
    : requests.map((request) => choiceOf(scenario.stacks ?? [], request));
  checkNames(choices.map(({ name }) => name));
  return { choices, stacks: await loadStacks(choices, scenario) };
}

/** Loads stacks; what is wrong with any of them comes in one go. */
export async function loadStacks(
  choices: readonly StackChoice[],
  { source, text }: Pick<Scenario, "source" | "text">,
): Promise<Stack[]> {
  const written = new SourceText(source.file, text);
  const problems: Problem[] = [];
  const stacks: Stack[] = [];
  for (const choice of choices) {
    const own = choice.at.file === source.file;
    const excerpt = own ? (line: number) => written.excerpt(line) : undefined;
    try {
      const stack = await loadStack(
        choice,
        excerpt === undefined ? {} : { excerpt },
      );
      await checkMachine(choice, stack);
      stacks.push(stack);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return stacks;
}

/** A stack that needs the machine itself runs on the command line only. */
async function checkMachine(
  { name, at }: StackChoice,
  { plugins, nodes }: Stack,
): Promise<void> {
  const uses = [plugins, ...Object.values(nodes)].flat();
  const machines = await Promise.all(uses.map(machineOf));
  const missing = machines.find((machine) => machine.missing !== null)?.missing;
  if (missing === undefined || missing === null) return;
  throw new InputError([{
    message: `Cannot run stack ${name} here: ${missing}`,
    at,
    expected: "stacks of models; the machine's own kernel is for the " +
      "command line",
  }]);
}

/** The scenario with an id. */
export function openScenario(id: string, places: WorkerPlaces): OpenScenario {
  if (isUploadId("scenario", id)) return openUploaded(id, places);
  const file = libraryFiles(places.scenarios).get(id);
  if (file === undefined) throw new MissingError(`there is no scenario ${id}`);
  return openLibrary(file, places.scenarios);
}

/** Scenario files of the library by id: the path without what all have in common. */
export function libraryFiles(library: string): Map<string, string> {
  const files = findScenarios([library]).map((file): [string, string] => {
    const id = file.slice(library.length + 1)
      .replace(/(?:(?:^|\/)scenario|\.scenario)\.ya?ml$/, "")
      .replaceAll("/", ".");
    return [id, file];
  });
  return new Map(files);
}

/** The files that a scenario names, recordings aside. */
export function filesOf(
  { fixtures, steps }: Scenario,
): readonly ManifestFile[] {
  const named = [
    ...fixtures,
    ...steps.flatMap(({ action }) => filesOfAction(action)),
  ];
  const files = named.flatMap(({ files }) => files);
  return [...new Map(files.map((one) => [one.file, one])).values()];
}

function filesOfAction(action: StepAction): FileReference[] {
  switch (action.kind) {
    case "apply":
    case "delete":
      return action.objects.filter((object) => "files" in object);
    case "load":
      return [action.load.file];
    default:
      return [];
  }
}

/** An upload that is not kept yet, or one that is. */
export function readUpload(
  { scenario, files }: ScenarioUpload,
  places: WorkerPlaces,
): OpenScenario {
  const own = new Map(
    Object.entries(files).map(([path, text]) => [normalize(path), text]),
  );
  const parsed = parseScenario(scenario, {
    file: "scenario.yaml",
    readFixture: (path) => ownFiles(path, own) ?? uploadedCluster(path, places),
  });
  return { scenario: parsed, pathOf: (path) => uploadedFlows(path, places) };
}

async function scenarioOf(
  request: CompareRequest | RunRequest,
  places: WorkerPlaces,
): Promise<OpenScenario> {
  if ("scenario" in request) return openScenario(request.scenario, places);
  const pathOf = (path: string) => uploadedFlows(path, places);
  if ("manifests" in request) {
    return { scenario: writtenScenario(request), pathOf };
  }
  const cluster = `clusters/${request.cluster}`;
  const files = uploadedCluster(cluster, places);
  if (files === null) {
    throw new MissingError(`there is no cluster ${request.cluster}`);
  }
  const captured = await isCapture(pathOf(`flows/${request.flows}`));
  const format = captured ? "pcap" : "hubble";
  return { scenario: recordedScenario(request, { files, format }), pathOf };
}

function openLibrary(file: string, library: string): OpenScenario {
  const shown = (path: string) => path.slice(dirname(library).length + 1);
  const readFixture = (path: string): ManifestFile[] | null => {
    const beside = join(dirname(file), path);
    try {
      Deno.statSync(beside);
    } catch (error) {
      // What lies beyond what the server may read is not there for it.
      if (error instanceof Deno.errors.NotFound) return null;
      if (error instanceof Deno.errors.NotCapable) return null;
      throw error;
    }
    return readManifests([beside])
      .map(({ file, text }) => ({ file: shown(file), text }));
  };
  const [read] = readManifests([file]);
  const scenario = parseScenario(read!.text, {
    file: shown(file),
    readFixture,
  });
  return { scenario, pathOf: (path) => join(dirname(file), path) };
}

function openUploaded(id: string, places: WorkerPlaces): OpenScenario {
  const path = uploadPath(places.data, { kind: "scenario", id });
  try {
    const upload = JSON.parse(Deno.readTextFileSync(path)) as ScenarioUpload;
    return readUpload(upload, places);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new MissingError(`there is no scenario ${id}`);
  }
}

/** A file of an upload, or all that lie in a directory of it. */
function ownFiles(
  path: string,
  own: ReadonlyMap<string, string>,
): ManifestFile[] | null {
  const wanted = normalize(path).replace(/\/$/, "");
  const files = [...own].filter(([file]) =>
    file === wanted || file.startsWith(`${wanted}/`) || wanted === "."
  );
  return files.length === 0
    ? null
    : files.map(([file, text]) => ({ file, text }));
}

/** Uploaded manifests, named `clusters/ID`. */
function uploadedCluster(
  path: string,
  { data }: WorkerPlaces,
): ManifestFile[] | null {
  const [, id = ""] = /^clusters\/([^/]+)$/.exec(path) ?? [];
  if (!isUploadId("cluster", id)) return null;
  try {
    const text = Deno.readTextFileSync(
      uploadPath(data, { kind: "cluster", id }),
    );
    return [{ file: `${path}.yaml`, text }];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Where an uploaded recording is that is named `flows/ID`; nothing else can be named. */
function uploadedFlows(path: string, { data }: WorkerPlaces): string {
  const [, id = ""] = /^flows\/([^/]+)$/.exec(path) ?? [];
  const missing = new MissingError(`there are no flows ${path}`);
  if (!isUploadId("flows", id)) throw missing;
  const found = uploadPath(data, { kind: "flows", id });
  try {
    Deno.statSync(found);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw missing;
    throw error;
  }
  return found;
}

/** A stack by its name, one of the scenario's own if it has that, or as it is written out. */
export function choiceOf(
  own: readonly StackChoice[],
  request: StackRequest,
): StackChoice {
  if (typeof request !== "string") return writtenChoice(request);
  const uses = request.split("+").map((use) => ({ use, options: {} }));
  return own.find(({ name }) => name === request) ??
    writtenChoice({ name: request, use: uses, options: {} });
}

function writtenChoice(
  { name, use, options }: Exclude<StackRequest, string>,
): StackChoice {
  const at = { file: "request", line: 1, column: 1 };
  const uses = typeof use === "string" ? [{ use, options }] : use;
  return {
    name,
    at,
    uses: uses.map((one) => ({ ...one, source: at })),
    nodes: [],
  };
}

function checkComplete({ missing: [missing] }: Scenario): void {
  if (missing === undefined) return;
  throw new MissingError(`${missing}, which the scenario needs, is missing`);
}

function checkNames(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new InputError([{
    message: `Cannot compare stacks: there are two named ${twice}`,
    at: { file: "request", line: 1, column: 1 },
    expected: "a name of its own for each stack",
  }]);
}
