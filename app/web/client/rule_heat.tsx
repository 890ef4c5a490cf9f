import { useMemo, useState } from "preact/hooks";
import type { RuleHits, StateAnswer } from "../../server/schemas.ts";
import { shortFile } from "./rule_cards.tsx";

/** Rules shown before one asks for more. */
const FIRST_RULES = 60;

interface HeatRow {
  readonly name: string;
  readonly basis: string;
  readonly at: string | null;
  readonly divergences: number;
  /** By stack. */
  readonly hits: ReadonlyMap<string, RuleHits>;
}

/** Rules against stacks: how often each had a say, and which never had. */
export function RuleHeat(
  { rules, more, stacks, state, onFilter }: {
    readonly rules: readonly RuleHits[];
    readonly more: number;
    readonly stacks: readonly string[];
    /** What governs at the end; null until it is known. */
    readonly state: StateAnswer | null;
    /** Shows the flows that a rule decided. */
    readonly onFilter: (filter: string) => void;
  },
) {
  const [all, setAll] = useState(false);
  const rows = useMemo(() => heatRows(rules), [rules]);
  const dead = useMemo(() => deadPolicies(rules, state), [rules, state]);
  const most = Math.max(...rules.map(({ hits }) => hits), 1);
  const shown = all ? rows : rows.slice(0, FIRST_RULES);
  return (
    <section aria-labelledby="heat-title">
      <header class="section-head">
        <h2 id="heat-title">Rules</h2>
        <span class="note">
          {`${rows.length} rules had a say; hits are hops they decided`}
          {more > 0 && `, ${more} rules are not listed`}
        </span>
      </header>
      {dead.length > 0 && (
        <details class="dead" open={dead.length <= 12}>
          <summary>
            {`Dead: ${dead.length} ${
              dead.length === 1 ? "object" : "objects"
            } of which no flow met a rule`}
          </summary>
          <ul class="plain names">
            {dead.map(({ name, at }) => (
              <li key={name}>
                <code>{name}</code>
                <span class="note">{at}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
      <div class="table-scroll">
        <table class="heat">
          <thead>
            <tr>
              <th scope="col">Rule</th>
              {stacks.map((stack) => (
                <th scope="col" class="number" key={stack}>{stack}</th>
              ))}
              <th scope="col" class="number">Decided divergences</th>
              <th scope="col">Ground</th>
              <th scope="col">Written in</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={`${row.name} ${row.at}`}>
                <th scope="row">
                  <button
                    type="button"
                    class="link"
                    title="Flows that it decided"
                    onClick={() => onFilter(row.name)}
                  >
                    <code>{row.name}</code>
                  </button>
                </th>
                {stacks.map((stack) => (
                  <HeatCell
                    key={stack}
                    hits={row.hits.get(stack)}
                    most={most}
                  />
                ))}
                <td class="number">
                  {row.divergences > 0 ? <b>{row.divergences}</b> : "·"}
                </td>
                <td class="note">{row.basis}</td>
                <td class="note position">{row.at ?? "built in"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > shown.length && (
        <button
          type="button"
          onClick={() => setAll(true)}
        >
          {`All ${rows.length} rules`}
        </button>
      )}
    </section>
  );
}

function HeatCell(
  { hits, most }: {
    readonly hits: RuleHits | undefined;
    readonly most: number;
  },
) {
  if (hits === undefined) return <td class="number none">·</td>;
  // Hits differ by orders of magnitude.
  const heat = Math.ceil(5 * Math.log1p(hits.hits) / Math.log1p(most));
  return (
    <td
      class={`number heat-${heat}`}
      title={`${hits.hits} hits in ${hits.flows} flows`}
    >
      {hits.hits.toLocaleString("en")}
    </td>
  );
}

function heatRows(rules: readonly RuleHits[]): readonly HeatRow[] {
  const rows = new Map<string, HeatRow & { hits: Map<string, RuleHits> }>();
  for (const hits of rules) {
    const { rule, stack } = hits;
    const at = rule.source === undefined
      ? null
      : `${shortFile(rule.source.file)}:${rule.source.line}`;
    const key = `${rule.name}\n${at}`;
    const before = rows.get(key);
    rows.set(key, {
      name: rule.name,
      basis: rule.basis ?? "implementation-defined",
      at,
      divergences: (before?.divergences ?? 0) + hits.divergences,
      hits: new Map([...before?.hits ?? [], [stack, hits]]),
    });
  }
  const hitsOf = ({ hits }: HeatRow) =>
    [...hits.values()].reduce((sum, one) => sum + one.hits, 0);
  return [...rows.values()].sort((a, b) =>
    b.divergences - a.divergences || hitsOf(b) - hitsOf(a) ||
    (a.name < b.name ? -1 : 1)
  );
}

/** Policy objects that no rule which had a say is written in, from their line to the next object's. */
function deadPolicies(
  rules: readonly RuleHits[],
  state: StateAnswer | null,
): readonly { readonly name: string; readonly at: string }[] {
  if (state === null) return [];
  const policies = [...state.policies].sort((a, b) =>
    a.source.line - b.source.line
  );
  return policies.filter(({ source: { file, line } }) => {
    const next = policies.find(({ source }) =>
      source.file === file && source.line > line
    );
    const end = next?.source.line ?? Infinity;
    return !rules.some(({ rule: { source } }) =>
      source?.file === file && source.line >= line && source.line < end
    );
  }).map(({ kind, namespace, name, source }) => ({
    name: `${kind} ${namespace === null ? "" : `${namespace}/`}${name}`,
    at: ` ${shortFile(source.file)}:${source.line}`,
  }));
}
