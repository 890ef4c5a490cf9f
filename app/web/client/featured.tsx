import type { CompareAnswer, ScenarioInfo } from "../../server/schemas.ts";
import { counted } from "./counted.ts";
import { firstToLookAt, knownId } from "./flow_list.tsx";
import { Glyph } from "./glyph.tsx";
import { Icon } from "./icon.tsx";
import type { Cell, OpenAt, OpenScenario } from "./scenario_cell.ts";
import { mostSurprising, rowSurprise } from "./surprise.ts";

/** Three divergences that everyone meets, told in full on the first visit. */
export function Featured(
  { scenarios, cells, onOpen }: {
    readonly scenarios: readonly ScenarioInfo[];
    readonly cells: ReadonlyMap<string, Cell>;
    readonly onOpen: OpenScenario;
  },
) {
  if (scenarios.length === 0) return null;
  return (
    <section class="featured" aria-label="Three divergences, replayed just now">
      {scenarios.map((scenario) => {
        const cell = cells.get(scenario.id);
        const answer = cell?.kind === "done" ? cell.answer : null;
        return (
          <article key={scenario.id} class="card" aria-busy={answer === null}>
            <header>
              <b class="id">{scenario.catalogueId}</b>
              <strong>{scenario.name}</strong>
            </header>
            {answer === null
              ? (
                <p class="note">
                  {cell?.kind === "failed" ? cell.error.message : "running…"}
                </p>
              )
              : (
                <Witness
                  answer={answer}
                  catalogueId={scenario.catalogueId}
                  onOpen={(at) => onOpen(scenario.id, at)}
                />
              )}
          </article>
        );
      })}
    </section>
  );
}

function Witness(
  { answer: { flows, summary }, catalogueId, onOpen }: {
    readonly answer: CompareAnswer;
    readonly catalogueId: string | null;
    readonly onOpen: (at: OpenAt) => void;
  },
) {
  const index = firstToLookAt(flows, catalogueId);
  const row = flows.find((one) => one.index === index);
  if (row === undefined) return null;
  const known = knownId(row.differs);
  const differs = row.differs.find(({ id }) => id === known);
  return (
    <>
      <p class="witness">
        <code>{row.text}</code>
      </p>
      <ul class="plain verdicts">
        {row.outcomes.map(({ stack, outcome }) => (
          <li key={stack}>
            <span>{stack}</span>
            <span class={`verdict verdict-${outcome.verdict}`}>
              {outcome.verdict}
            </span>
            {outcome.http && <code>{`HTTP ${outcome.http.status}`}</code>}
          </li>
        ))}
      </ul>
      {differs?.why && <p class="why-text">{differs.why}</p>}
      <footer>
        <Glyph surprise={mostSurprising(flows.map(rowSurprise))} />
        <span class="note">
          {`${summary.changed} of ${counted(summary.flows, "flow")} differ`}
        </span>
        <button
          type="button"
          class="quiet"
          onClick={() => onOpen({ flow: index, stack: differs?.right ?? null })}
        >
          Journeys and rules<Icon name="next" />
        </button>
      </footer>
    </>
  );
}
