import { useState } from "preact/hooks";
import { Padlock } from "./glyph.tsx";
import { Icon } from "./icon.tsx";
import { changedWords, type Lane, type LaneHop, type Lanes } from "./lanes.ts";

/** What of the lanes is chosen: a hop of one stack. */
export interface ChosenHop {
  readonly stack: string;
  readonly index: number;
}

/**
 * One lane a stack, hops from left to right. What all lanes begin with is one
 * pill; the hop where a lane leaves the baseline's way is boxed.
 */
export function SwimLanes(
  { lanes: { lanes, common }, baseline, agree }: {
    readonly lanes: Lanes;
    /** Ways may part and still come to the same. */
    readonly agree: boolean;
    readonly baseline: string;
  },
) {
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState<ChosenHop | null>(null);
  const from = open ? 0 : common;
  const columns = Math.max(...lanes.map(({ hops }) => hops.length), 0);
  const equal = `${common} equal ${common === 1 ? "hop" : "hops"}`;
  return (
    <section
      class={agree ? "lanes agree" : "lanes"}
      aria-labelledby="lanes-title"
    >
      <header class="section-head">
        <h3 id="lanes-title">Journeys</h3>
        {common > 0 && (
          <button
            type="button"
            class="quiet"
            aria-expanded={open}
            onClick={() => setOpen(!open)}
          >
            {open ? `Collapse ${equal}` : `Show ${equal}`}
          </button>
        )}
        <span class="note">
          boxed: first hop off the baseline's way
        </span>
      </header>
      <div class="lanes-scroll" tabIndex={0} role="group" aria-label="Lanes">
        <ol class="lane-list">
          {lanes.map((lane) => (
            <LaneRow
              key={lane.stack}
              lane={lane}
              from={Math.min(from, lane.hops.length)}
              collapsed={open ? 0 : common}
              columns={columns}
              isBaseline={lane.stack === baseline}
              chosen={chosen?.stack === lane.stack ? chosen.index : null}
              onChoose={(index) =>
                setChosen(
                  index === null ? null : { stack: lane.stack, index },
                )}
            />
          ))}
        </ol>
      </div>
      {chosen && <HopDetail lanes={lanes} chosen={chosen} />}
    </section>
  );
}

function LaneRow(
  { lane, from, collapsed, columns, isBaseline, chosen, onChoose }: {
    readonly lane: Lane;
    readonly from: number;
    readonly collapsed: number;
    readonly columns: number;
    readonly isBaseline: boolean;
    readonly chosen: number | null;
    readonly onChoose: (index: number | null) => void;
  },
) {
  const shown = lane.hops.slice(from);
  const missing = columns - Math.max(lane.hops.length, from);
  return (
    <li class="lane">
      <div class="lane-name">
        <strong>{lane.stack}</strong>
        <span class="note">
          {isBaseline ? "baseline" : lane.differs ? "" : "same way"}
        </span>
      </div>
      <ol class="pills">
        {collapsed > 0 && (
          <li class="pill-slot">
            <span class="pill equal">{collapsed} equal</span>
          </li>
        )}
        {shown.map((laneHop, index) => (
          <Pill
            key={from + index}
            laneHop={laneHop}
            before={lane.hops[from + index - 1]?.hop.packet ?? null}
            pressed={chosen === from + index}
            onClick={() =>
              onChoose(chosen === from + index ? null : from + index)}
          />
        ))}
        {shown.length === 0 && missing > 0 && (
          <li class="pill-slot">
            <span class={`pill ended${lane.differs ? " parts" : ""}`}>
              ends here
            </span>
          </li>
        )}
      </ol>
    </li>
  );
}

function Pill(
  { laneHop, before, pressed, onClick }: {
    readonly laneHop: LaneHop;
    readonly before: string | null;
    readonly pressed: boolean;
    readonly onClick: () => void;
  },
) {
  const { hop, passed, parts, tunnel, encrypted, firstOfReply } = laneHop;
  const classes = [
    "pill",
    `act-${hop.action}`,
    parts ? "parts" : "",
    hop.direction,
  ];
  return (
    <li class={`pill-slot${tunnel ? " tunnel" : ""}`}>
      {firstOfReply && (
        <span class="turn">
          <Icon name="reply" />reply
        </span>
      )}
      <button
        type="button"
        class={classes.filter((one) => one).join(" ")}
        aria-pressed={pressed}
        onClick={onClick}
      >
        <span class="pill-at">
          {`${hop.node ?? "outside"} `}
          <b>{hop.hook}</b>
          {encrypted && <Padlock kinds={["on this hop"]} />}
        </span>
        <span class="pill-what">
          {ENDS.has(hop.action) && <Icon name="stop" />}
          {detailOf(laneHop)}
        </span>
        <span class="pill-packet">
          {changedWords(firstOfReply ? null : before, hop.packet).map((
            part,
            index,
          ) => (
            part.changed
              ? <mark key={index}>{`${part.text} `}</mark>
              : `${part.text} `
          ))}
        </span>
        {passed.length > 0 && (
          <span class="pill-passed">
            {`passed ${passed.length} ${
              passed.length === 1 ? "rule" : "rules"
            } before`}
          </span>
        )}
        {parts && (
          <span class="sr-only">
            First hop off the baseline's way.
          </span>
        )}
        {tunnel && <span class="sr-only">In a tunnel.</span>}
      </button>
    </li>
  );
}

const ENDS: ReadonlySet<string> = new Set(["drop", "reject", "unknown"]);

function detailOf({ hop }: LaneHop): string {
  return hop.detail === "" ? hop.action : `${hop.action}: ${hop.detail}`;
}

function HopDetail(
  { lanes, chosen }: {
    readonly lanes: readonly Lane[];
    readonly chosen: ChosenHop;
  },
) {
  const lane = lanes.find(({ stack }) => stack === chosen.stack);
  const laneHop = lane?.hops[chosen.index];
  if (laneHop === undefined) return null;
  const { hop, passed } = laneHop;
  const rule = hop.rule;
  return (
    <dl class="facts hop-detail" aria-live="polite">
      <dt>Hop</dt>
      <dd>
        {`${chosen.index + 1} of ${lane!.hops.length} in ${chosen.stack}, ${
          hop.direction === "reply" ? "way back" : "way there"
        }`}
        {hop.plugin && ` by ${hop.plugin}`}
      </dd>
      <dt>Packet</dt>
      <dd>
        <code>{hop.packet}</code>
      </dd>
      {hop.pod && (
        <>
          <dt>Pod</dt>
          <dd>{hop.pod}</dd>
        </>
      )}
      {rule && (
        <>
          <dt>Rule</dt>
          <dd>
            <code>{rule.name}</code>
            {rule.source && (
              <span class="note">
                {` ${rule.source.file}:${rule.source.line}`}
              </span>
            )}
          </dd>
        </>
      )}
      {passed.length > 0 && (
        <>
          <dt>Passed before</dt>
          <dd>
            <ul class="plain">
              {passed.map((one, index) => (
                <li key={index}>
                  <code>{one.rule!.name}</code>
                  <span class="note">{` ${one.hook} ${one.detail}`}</span>
                </li>
              ))}
            </ul>
          </dd>
        </>
      )}
    </dl>
  );
}
