import { useEffect, useRef, useState } from "preact/hooks";
import type {
  ClusterInfo,
  FlowsInfo,
  ScenarioInfo,
  StackInfo,
} from "../../server/schemas.ts";
import { api } from "./api.ts";
import { Icon } from "./icon.tsx";
import { Failed, Problems } from "./problems.tsx";
import { asError } from "./use_async.ts";

/** What a file turned out to be. */
type Recognised =
  | { readonly kind: "scenario"; readonly info: ScenarioInfo }
  | { readonly kind: "cluster"; readonly info: ClusterInfo }
  | { readonly kind: "flows"; readonly info: FlowsInfo }
  | { readonly kind: "failed"; readonly error: Error }
  | { readonly kind: "reading" };

interface Imported {
  readonly name: string;
  readonly lengthBytes: number;
  readonly found: Recognised;
}

/** Takes files: says what each is, what was ignored in it and why, and replays them. */
export function ImportDrawer(
  { stackInfos, onClose, onScenario, onRun, onImported }: {
    readonly stackInfos: readonly StackInfo[];
    readonly onClose: () => void;
    readonly onScenario: (id: string) => void;
    readonly onRun: (id: string) => void;
    /** There is a new scenario. */
    readonly onImported: () => void;
  },
) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [files, setFiles] = useState<readonly Imported[]>([]);
  const [over, setOver] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const take = async (list: FileList | null) => {
    for (const file of list ?? []) {
      const { name, size: lengthBytes } = file;
      const set = (found: Recognised) =>
        setFiles((before) => [
          ...before.filter((one) => one.name !== name),
          { name, lengthBytes, found },
        ]);
      set({ kind: "reading" });
      const found = await recognise(file);
      set(found);
      if (found.kind === "scenario") onImported();
    }
  };
  return (
    <dialog
      ref={dialog}
      class="drawer"
      aria-labelledby="import-title"
      onClose={onClose}
    >
      <header class="section-head">
        <h2 id="import-title">Import</h2>
        <button
          type="button"
          class="quiet"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
      </header>
      <label
        class={`drop${over ? " over" : ""}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          take(event.dataTransfer?.files ?? null);
        }}
      >
        <Icon name="upload" />
        <span>
          Drop files here, or <u>choose them</u>
        </span>
        <span class="note">
          Manifests and scenarios (.yaml), Hubble flows (.jsonl), captures
          (.pcap, .pcapng). They go to this server only.
        </span>
        <input
          type="file"
          multiple
          class="sr-only"
          aria-label="Files"
          onChange={(event) => take(event.currentTarget.files)}
        />
      </label>
      <ul class="plain imports" aria-live="polite">
        {files.map((one) => (
          <li key={one.name} class="card">
            <header>
              <strong>{one.name}</strong>
              <span class="note">{sizeText(one.lengthBytes)}</span>
            </header>
            <Found found={one.found} onScenario={onScenario} />
          </li>
        ))}
      </ul>
      <ReplayForm files={files} stackInfos={stackInfos} onRun={onRun} />
    </dialog>
  );
}

function Found(
  { found, onScenario }: {
    readonly found: Recognised;
    readonly onScenario: (id: string) => void;
  },
) {
  switch (found.kind) {
    case "reading":
      return <p class="note busy">reading…</p>;
    case "failed":
      return <Failed error={found.error} />;
    case "scenario": {
      const { info } = found;
      return (
        <>
          <p>
            {`Scenario ${info.name}: ${info.steps} steps through ${
              info.stacks.join(", ") || "the usual stacks"
            }.`}
          </p>
          <Problems problems={info.problems} />
          {info.missing.length > 0
            ? <p class="problem">{`Missing: ${info.missing.join(", ")}`}</p>
            : (
              <button type="button" onClick={() => onScenario(info.id)}>
                <Icon name="play" />Run
              </button>
            )}
        </>
      );
    }
    case "flows":
      return (
        <p>
          {found.info.format === "hubble"
            ? "Hubble flows: connections are put together from them when they are replayed."
            : "A capture: connections are put together from its packets when it is replayed."}
        </p>
      );
    case "cluster":
      return <ClusterFound info={found.info} />;
  }
}

function ClusterFound({ info }: { readonly info: ClusterInfo }) {
  const counts = Object.entries(info.counts);
  const ignored = Object.entries(info.ignored);
  return (
    <>
      <p>
        Recognised: {counts.length === 0
          ? "nothing"
          : counts.map(([type, count]) => `${count} ${kindText(type)}`)
            .join(", ")}
      </p>
      {ignored.map(([kind, count]) => (
        <p key={kind}>
          {`Ignored: ${count} ${kind}`}
          <span class="note">
            {kind === "Secret"
              ? ": secrets are never read"
              : ": written for a client, not for a cluster"}
          </span>
        </p>
      ))}
      <Problems problems={info.warnings} />
    </>
  );
}

const DEFAULT_STACKS: readonly string[] = ["kube-proxy", "cilium"];

function ReplayForm(
  { files, stackInfos, onRun }: {
    readonly files: readonly Imported[];
    readonly stackInfos: readonly StackInfo[];
    readonly onRun: (id: string) => void;
  },
) {
  const [stacks, setStacks] = useState(DEFAULT_STACKS);
  const [error, setError] = useState<Error | null>(null);
  const cluster = files.map(({ found }) => found)
    .findLast((found) => found.kind === "cluster");
  const flows = files.map(({ found }) => found)
    .findLast((found) => found.kind === "flows");
  if (cluster === undefined && flows === undefined) return null;
  const missing = cluster === undefined
    ? "Drop the cluster's manifests too, to replay the recording in it."
    : flows === undefined
    ? "Drop a recording too, to replay it in this cluster."
    : null;
  return (
    <form
      class="replay-form"
      onSubmit={async (event) => {
        event.preventDefault();
        try {
          const run = await api.startRecording({
            cluster: cluster!.info.id,
            flows: flows!.info.id,
            stacks,
          });
          onRun(run.id);
        } catch (error) {
          setError(asError(error));
        }
      }}
    >
      {missing !== null ? <p class="note">{missing}</p> : (
        <>
          <fieldset>
            <legend>Replay through; the first chosen is the baseline</legend>
            {stackInfos.map(({ name }) => (
              <label key={name}>
                <input
                  type="checkbox"
                  checked={stacks.includes(name)}
                  onChange={(event) =>
                    setStacks(
                      event.currentTarget.checked
                        ? [...stacks, name]
                        : stacks.filter((one) => one !== name),
                    )}
                />
                {name}
              </label>
            ))}
          </fieldset>
          <button type="submit" class="primary" disabled={stacks.length === 0}>
            <Icon name="play" />
            {`Replay through ${stacks.join(", ") || "no stack"}`}
          </button>
        </>
      )}
      {error && <Failed error={error} />}
    </form>
  );
}

/** Bytes of a YAML file in which its kind is looked for. */
const HEAD_BYTES = 64 * 1024;

async function recognise(file: File): Promise<Recognised> {
  try {
    if (!/\.(ya?ml|json)$/i.test(file.name)) {
      return { kind: "flows", info: await api.uploadFlows(file, file.name) };
    }
    const head = await file.slice(0, HEAD_BYTES).text();
    if (
      /^kind: *Scenario\b/m.test(head) &&
      /^apiVersion: *plumbline\//m.test(head)
    ) {
      return { kind: "scenario", info: await api.uploadScenario(file) };
    }
    if (
      /\.json$/i.test(file.name) && /^\s*\{"(flow|time|node_name)"/.test(head)
    ) {
      return { kind: "flows", info: await api.uploadFlows(file, file.name) };
    }
    return { kind: "cluster", info: await api.uploadCluster(file, file.name) };
  } catch (error) {
    return { kind: "failed", error: asError(error) };
  }
}

/** `service.applied` as people say it. */
function kindText(type: string): string {
  const [noun = type] = type.split(".");
  return noun === "policy" ? "policies and routes" : `${noun}s`;
}

function sizeText(lengthBytes: number): string {
  if (lengthBytes < 1_024) return `${lengthBytes} B`;
  if (lengthBytes < 1_048_576) return `${Math.round(lengthBytes / 1_024)} KiB`;
  return `${Math.round(lengthBytes / 104_857.6) / 10} MiB`;
}
