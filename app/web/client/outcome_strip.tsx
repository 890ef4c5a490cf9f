import type { ComparedField } from "../../../core/diff/divergence.ts";
import type { Outcome } from "../../../core/replay/outcome.ts";
import { Breakable } from "./breakable.tsx";
import { Padlock } from "./glyph.tsx";

/** What one stack made of a flow, with its name. */
export interface StackOutcome {
  readonly stack: string;
  readonly outcome: Outcome;
}

interface Column {
  readonly name: string;
  /** Fields of a divergence that are told here. */
  readonly fields: readonly ComparedField[];
  readonly text: (outcome: Outcome) => string;
}

const COLUMNS: readonly Column[] = [
  {
    name: "Verdict",
    fields: ["verdict", "reply"],
    text: ({ verdict, reason, reply }) =>
      [
        verdict,
        verdict === "forwarded" && !reply ? "no reply" : "",
        reason ?? "",
      ].filter((part) => part).join(": "),
  },
  {
    name: "Backend",
    fields: ["backend"],
    text: ({ backend, receiver }) =>
      backend === null
        ? "none"
        : `${backend}${receiver === null ? "" : ` (${receiver})`}`,
  },
  {
    name: "Source",
    fields: ["source"],
    text: ({ source }) => source ?? "none",
  },
  {
    name: "Identity",
    fields: ["identity"],
    text: ({ identity }) => identity ?? "none",
  },
  {
    name: "Encryption",
    fields: ["encryption"],
    text: ({ encryption }) =>
      encryption.length === 0 ? "no wire" : encryption.join(", "),
  },
  {
    name: "HTTP",
    fields: ["status", "route", "request", "location"],
    text: ({ http }) =>
      http === null ? "none" : [
        String(http.status),
        http.route ?? "",
        http.request ?? "",
        http.location === null ? "" : `to ${http.location}`,
      ].filter((part) => part).join(" · "),
  },
  { name: "Cost", fields: [], text: ({ cost }) => costText(cost) },
];

/**
 * Outcomes of one flow, a row a stack. Columns in which all stacks agree are
 * told once, below: what differs has the room.
 */
export function OutcomeStrip(
  { outcomes, baseline, differing }: {
    readonly outcomes: readonly StackOutcome[];
    readonly baseline: string;
    readonly differing: ReadonlySet<ComparedField>;
  },
) {
  const columns = COLUMNS.map((column) => {
    const texts = outcomes.map(({ outcome }) => column.text(outcome));
    const equal = texts.every((text) => text === texts[0]);
    // Load balancers may pick apart from each other without differing.
    const differs = column.fields.some((field) => differing.has(field));
    return { ...column, texts, equal, differs };
  });
  const open = columns.filter(({ equal, name }) =>
    !equal || name === "Verdict"
  );
  const same = columns.filter((column) => !open.includes(column));
  return (
    <section class="strip" aria-label="Outcomes">
      <div class="table-scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Stack</th>
              {open.map(({ name, differs }) => (
                <th scope="col" key={name} class={differs ? "differs" : ""}>
                  {name}
                  {differs && <span class="tag">differs</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {outcomes.map(({ stack, outcome }, row) => (
              <tr key={stack}>
                <th scope="row">
                  {stack}
                  {stack === baseline && <span class="note">baseline</span>}
                </th>
                {open.map(({ name, texts, differs }) => (
                  <td key={name} class={differs ? "differs" : ""}>
                    {name === "Encryption" && (
                      <Padlock kinds={outcome.encryption} />
                    )}
                    {name === "Verdict"
                      ? <VerdictText outcome={outcome} />
                      : (
                        <code>
                          <Breakable text={texts[row]!} />
                        </code>
                      )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {same.length > 0 && (
        <p class="same-fields">
          <span class="note">Same in all:</span>
          {same.map(({ name, texts }) => (
            <span key={name}>
              <span class="note">{name.toLowerCase()}</span>
              <code>{texts[0]}</code>
            </span>
          ))}
        </p>
      )}
    </section>
  );
}

/** A verdict with its mark; the word says it, the mark only helps the eye. */
export function VerdictText({ outcome }: { readonly outcome: Outcome }) {
  const { verdict, reason, reply } = outcome;
  return (
    <>
      <span class={`verdict verdict-${verdict}`}>{verdict}</span>
      {verdict === "forwarded" && !reply && <span class="note">no reply</span>}
      {reason !== null && (
        <code class="reason">
          <Breakable text={reason} />
        </code>
      )}
    </>
  );
}

function costText(cost: Outcome["cost"]): string {
  const parts = Object.entries(cost)
    .map(([kind, count]) => `${COST_WORDS[kind] ?? kind} ${count}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}

const COST_WORDS: Readonly<Record<string, string>> = {
  hashLookups: "hash lookups",
  lpmLookups: "LPM lookups",
  arrayLookups: "array lookups",
  lruLookups: "LRU lookups",
  overheadBytes: "overhead bytes",
};
