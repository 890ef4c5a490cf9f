import type { CompareAnswer, ScenarioInfo } from "../../server/schemas.ts";
import { tallyOf } from "./flow_list.tsx";
import { Glyph } from "./glyph.tsx";
import { Icon } from "./icon.tsx";
import { linkTo } from "./place.ts";
import type { Cell, OpenAt, OpenScenario } from "./scenario_cell.ts";
import { SURPRISE_TEXT, surpriseOf } from "./surprise.ts";

/** One scenario with a cell for every stack that is compared. */
export function ScenarioRow(
  { scenario, cell, columns, stacks, onRun, onOpen }: {
    readonly scenario: ScenarioInfo;
    readonly cell: Cell | undefined;
    readonly columns: number;
    readonly stacks: readonly string[];
    readonly onRun: () => void;
    readonly onOpen: OpenScenario;
  },
) {
  const { id, name, catalogueId, missing, problems } = scenario;
  const answer = cell?.kind === "done" ? cell.answer : null;
  const others = answer?.summary.stacks.map((stack) => stack.name)
    .filter((stack) => stack !== answer.summary.baseline) ?? [];
  return (
    <tr>
      <th scope="row">
        <a
          href={linkTo({ scenario: id, stacks })}
          title={scenario.description ?? name}
        >
          {catalogueId && <b class="id">{catalogueId}</b>}
          <span>{name}</span>
        </a>
      </th>
      <td class="number">{answer?.summary.flows ?? ""}</td>
      {answer === null
        ? (
          <td colSpan={columns + 1} class="pending">
            {problems.length > 0
              ? <span class="problem">{problems[0]!.message}</span>
              : missing.length > 0
              ? <span class="note">{`not run: ${missing[0]} is missing`}</span>
              : cell?.kind === "failed"
              ? <span class="problem">{cell.error.message}</span>
              : cell?.kind === "large"
              ? (
                <a href={linkTo({ scenario: id, stacks })}>
                  Open: it is large and takes a run
                </a>
              )
              : cell?.kind === "running"
              ? <span class="note busy">running…</span>
              : (
                <button type="button" class="quiet" onClick={onRun}>
                  <Icon name="play" />
                  {`Run${
                    scenario.stacks.length > 0 && stacks.length === 0
                      ? ` ${scenario.stacks.join(", ")}`
                      : ""
                  }`}
                  <span class="sr-only">{` ${name}`}</span>
                </button>
              )}
          </td>
        )
        : (
          <>
            <td class="baseline-cell">{answer.summary.baseline}</td>
            {Array.from({ length: columns }, (_, index) => (
              <td key={index}>
                {others[index] !== undefined && (
                  <MatrixCell
                    answer={answer}
                    stack={others[index]!}
                    onOpen={(at) => onOpen(id, at)}
                  />
                )}
              </td>
            ))}
          </>
        )}
    </tr>
  );
}

function MatrixCell(
  { answer: { flows, name }, stack, onOpen }: {
    readonly answer: CompareAnswer;
    readonly stack: string;
    readonly onOpen: (at: OpenAt) => void;
  },
) {
  const { most, different } = tallyOf(flows, stack);
  const first = flows.find((row) => surpriseOf(row, stack) === most);
  const text = most === "same" ? "same" : `${different} of ${flows.length}`;
  return (
    <button
      type="button"
      class={`cell cell-${most}`}
      title={SURPRISE_TEXT[most]}
      onClick={() => onOpen({ flow: first?.index ?? null, stack })}
    >
      <Glyph surprise={most} />
      <span class="cell-stack">{stack}</span>
      <span class="cell-count">{text}</span>
      <span class="sr-only">{` in ${name}`}</span>
    </button>
  );
}
