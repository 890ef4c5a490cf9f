import { useEffect, useState } from "preact/hooks";
import { api } from "./api.ts";
import { Icon } from "./icon.tsx";
import { Menu } from "./menu.tsx";
import { fragmentOf, type Go, type Place } from "./place.ts";
import { counted } from "./counted.ts";
import { download } from "./download.ts";
import {
  REPORT_FORMATS,
  type ReportFile,
  reportFile,
  type ReportFormat,
} from "./reports.ts";
import type { ScenarioSource } from "../../server/schemas.ts";
import type { Session } from "./session.ts";

/** What is compared: its name, seed, hashes, how complete its input is, its stacks. */
export function RunHeader(
  { session, source, stack, place, go }: {
    readonly place: Place;
    readonly session: Session;
    readonly source: ScenarioSource | null;
    readonly stack: string | null;
    readonly go: Go;
  },
) {
  const { title, catalogueId, seed, stacks, baseline, facts } = session;
  return (
    <section class="run-header" aria-label="Comparison">
      <div class="run-title">
        <h1>
          {catalogueId && <b class="id">{catalogueId}</b>}
          {title || "Opening…"}
        </h1>
        <dl class="run-facts">
          <div>
            <dt>seed</dt>
            <dd>{seed ?? "…"}</dd>
          </div>
          <div>
            <dt>input</dt>
            <dd>{completeness(session)}</dd>
          </div>
          {facts && (
            <div>
              <dt>differ</dt>
              <dd>
                {`${facts.changed.toLocaleString("en")} of ${
                  session.total.toLocaleString("en")
                }`}
              </dd>
            </div>
          )}
        </dl>
      </div>
      <div class="stack-chips" role="group" aria-label="Compared stack">
        {stacks.map(({ name, hash }) => (
          <button
            key={name}
            type="button"
            class="stack-chip"
            disabled={name === baseline}
            aria-pressed={name === baseline ? undefined : name === stack}
            title={hash === null ? name : `outcomes ${hash}`}
            onClick={() => go({ stack: name })}
          >
            <b>{name}</b>
            {name === baseline && <span class="tag">baseline</span>}
            <code>{hash?.slice(0, 8) ?? "…"}</code>
          </button>
        ))}
      </div>
      <div class="run-actions">
        <ShareButton place={place} />
        {facts && <ExportMenu session={session} source={source} />}
      </div>
    </section>
  );
}

function completeness({ total, rows, complete, facts }: Session): string {
  const unknown = facts?.unknowns.reduce((sum, { count }) => sum + count, 0) ??
    0;
  const ignored = Object.values(facts?.ignored ?? {})
    .reduce((sum, count) => sum + count, 0);
  const parts = [
    complete || rows.length === total
      ? `${counted(total, "flow")} replayed`
      : `${rows.length.toLocaleString("en")} of ${
        total.toLocaleString("en")
      } flows`,
    `${unknown.toLocaleString("en")} unknown`,
    ignored === 0 ? "" : `${counted(ignored, "object")} ignored`,
    ...(facts?.notes ?? []),
  ];
  return parts.filter((part) => part).join(", ");
}

function ShareButton({ place }: { readonly place: Place }) {
  const link = new URL(fragmentOf(place), location.href).href;
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button
      type="button"
      onClick={async () => {
        await navigator.clipboard.writeText(link);
        setCopied(true);
      }}
    >
      <Icon name="copy" />
      <span role="status">{copied ? "Link copied" : "Copy link"}</span>
    </button>
  );
}

function keep({ name, type, text }: ReportFile): void {
  download(new Blob([text], { type }), name);
}

function ExportMenu(
  { session, source }: {
    readonly session: Session;
    readonly source: ScenarioSource | null;
  },
) {
  const formats = Object.entries(REPORT_FORMATS) as [ReportFormat, string][];
  const { run } = session;
  return (
    <Menu
      align="right"
      label={
        <>
          <Icon name="download" />Export
        </>
      }
    >
      <ul class="plain">
        {formats.map(([format, text]) => (
          <li key={format}>
            <button
              type="button"
              onClick={() => keep(reportFile(session, format))}
            >
              {text}
            </button>
          </li>
        ))}
        {source !== null && (
          <li>
            <button
              type="button"
              onClick={() =>
                keep({
                  name: source.file.split("/").at(-1)!,
                  type: "application/yaml",
                  text: source.text,
                })}
            >
              Scenario YAML
            </button>
          </li>
        )}
        {run?.status === "finished" &&
          run.stacks.map(({ name }) => (
            <li key={name}>
              <button
                type="button"
                onClick={() => api.downloadLog(run.id, name)}
              >
                {`Event log of ${name}`}
              </button>
            </li>
          ))}
      </ul>
    </Menu>
  );
}
