/**
 * A worker of the server: a process that reads manifests, replays and writes
 * logs, so that the server itself stays free to answer, and can be killed.
 * It takes questions from stdin, one JSON document a line, answers on stdout,
 * and ends with its stdin.
 */
import { InputError, invariant, type Problem } from "../../core/errors.ts";
import { LineSplitter } from "../input/lines.ts";
import { compare } from "./job/compare.ts";
import { fork } from "./job/fork.ts";
import { journeys } from "./job/journeys.ts";
import {
  checkCluster,
  checkFlows,
  checkScenario,
  plugins,
  scenarioInfo,
  scenarios,
  scenarioSource,
  stacks,
} from "./job/library.ts";
import { checkRun } from "./job/open_scenario.ts";
import { readLog } from "./job/read_log.ts";
import { run } from "./job/run.ts";
import { reportText } from "./job/run_report.ts";
import { sourceLines } from "./job/source_lines.ts";
import { stateAt } from "./job/state.ts";
import {
  type AnswerLine,
  LimitError,
  MissingError,
  type Question,
  type WorkerPlaces,
} from "./protocol.ts";

const encoder = new TextEncoder();

let places: WorkerPlaces | undefined;

async function main(): Promise<void> {
  const splitter = new LineSplitter();
  let turn: Promise<void> = Promise.resolve();
  for await (const chunk of Deno.stdin.readable) {
    for (const line of splitter.push(chunk)) {
      invariant(line !== null, "a question is too long");
      turn = turn.then(() => reply(JSON.parse(line) as Question));
    }
  }
  // Whoever asked is gone; so is the reason to go on.
  Deno.exit(0);
}

async function reply(question: Question): Promise<void> {
  try {
    const answer = encoder.encode(JSON.stringify(await answerTo(question)));
    say({ kind: "answer", lengthBytes: answer.length });
    write(answer);
  } catch (error) {
    say(failure(error));
  }
}

async function answerTo(question: Question): Promise<unknown> {
  if (question.kind === "hello") {
    places = question.places;
    return {};
  }
  invariant(places !== undefined, "a worker is told first where files are");
  switch (question.kind) {
    case "plugins":
      return { plugins: await plugins() };
    case "stacks":
      return { stacks: stacks() };
    case "scenarios":
      return { scenarios: scenarios(question.uploaded, places) };
    case "scenario":
      return scenarioInfo(question.id, places);
    case "scenario-source":
      return scenarioSource(question.id, places);
    case "check-scenario":
      return checkScenario(question, places);
    case "check-cluster":
      return checkCluster(question);
    case "check-flows":
      return await checkFlows(question);
    case "compare":
      return await compare(question.request, places);
    case "check-run":
      return await checkRun(question.request, places);
    case "run":
      return await run(question.request, {
        places,
        place: question.place,
        onProgress: (progress) => say({ kind: "progress", progress }),
      });
    case "journeys":
      return await journeys(question);
    case "log":
      return readLog(question.place, question);
    case "state":
      return stateAt(question.place, question);
    case "source":
      return sourceLines(question.place, question);
    case "report":
      return reportText(question.place, question.format);
    case "fork":
      return await fork(question.place, question);
  }
}

function failure(error: unknown): AnswerLine {
  if (error instanceof InputError) {
    return { kind: "bad-input", problems: error.problems.map(shown) };
  }
  if (error instanceof LimitError || error instanceof MissingError) {
    return { kind: error.code, message: error.message };
  }
  const stack = error instanceof Error ? error.stack : undefined;
  return { kind: "internal", message: stack ?? String(error) };
}

/** Nobody outside is told where on this machine files lie. */
function shown(problem: Problem): Problem {
  const hide = (text: string) =>
    places === undefined
      ? text
      : text.replaceAll(`${places.data}/`, "").replaceAll("incoming/", "");
  const { file, line, column } = problem.at;
  return {
    ...problem,
    message: hide(problem.message),
    at: { file: hide(file), line, column },
  };
}

function say(line: AnswerLine): void {
  write(encoder.encode(`${JSON.stringify(line)}\n`));
}

function write(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

await main();
