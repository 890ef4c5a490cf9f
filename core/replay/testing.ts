import { importManifests } from "../import/manifests.ts";
import { makeTape, type NewEvent, newEvent } from "../event.ts";
import { InputError } from "../errors.ts";
import type { HttpRequest } from "../packet/packet.ts";
import { type FlowResult, replay, type ReplayOptions } from "./engine.ts";
import type { Application, FlowIntent } from "./flow.ts";
import { parsePlace, parseTarget } from "./flow_text.ts";
import type { Plugin, PluginUse, Stack } from "./plugin.ts";

/** A flow in short text, for tests of plugins. */
export interface ShortFlow {
  /** `pod/ns/name`, `node/name`, `ip/203.0.113.9`. */
  readonly from: string;
  /** Node that packets from outside arrive at. */
  readonly via?: string;
  /** `tcp://host:port`, `udp://host:port`, `icmp://host`. */
  readonly to: string;
  /** An HTTP request; the target's host and port come from `to`. */
  readonly http?: {
    readonly method?: string;
    /** Full URL; its host becomes the authority, `https` wraps the request in TLS. */
    readonly url: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** A DNS question for this name. */
  readonly question?: string;
  /** TLS that the application makes itself, its contents unseen. */
  readonly tls?: { readonly serverName: string };
  /** Flows with the same name share a socket; absent: a socket of its own. */
  readonly connection?: string;
  /** Absent: an ephemeral port keyed by the flow. */
  readonly sourcePort?: number;
  /** Virtual time in ns; 0 when absent. */
  readonly atNs?: number;
}

/** Any plugin, whatever its types. */
// deno-lint-ignore no-explicit-any
export type AnyPlugin = Plugin<any, any, any, any>;

/** Any plugin, with unchecked options. */
export type TestUse = readonly [plugin: AnyPlugin, options?: unknown];

/** Checks the options and pairs the plugin with them. */
export function use(...[plugin, options]: TestUse): PluginUse {
  const checked = plugin.options["~standard"].validate(options ?? {});
  if (checked instanceof Promise) {
    throw new TypeError(`options of ${plugin.manifest.name} check async`);
  }
  if (checked.issues !== undefined) {
    throw new TypeError(
      `Cannot use ${plugin.manifest.name}: ${
        checked.issues.map((issue) => issue.message).join("; ")
      }`,
    );
  }
  return {
    plugin: plugin as unknown as PluginUse["plugin"],
    options: checked.value,
  };
}

/** A stack of plugins with their options. */
export function stackOf(...uses: readonly TestUse[]): Stack {
  return { name: "test", plugins: uses.map((item) => use(...item)), nodes: {} };
}

/**
 * Applies manifests, sends flows, and gives what became of each.
 *
 * @example
 * ```ts ignore
 * const [result] = runFlows({
 *   manifests: "kind: Pod\n...",
 *   stack: [[dropSmtp]],
 *   flows: [{ from: "pod/default/web", to: "tcp://10.0.0.9:25" }],
 * });
 * assertEquals(result.outcome.verdict, "dropped");
 * ```
 */
export function runFlows(test: {
  readonly manifests: string;
  readonly stack: readonly TestUse[];
  readonly flows: readonly ShortFlow[];
  readonly records?: Readonly<Record<string, readonly string[]>>;
  /** Further events before any flow, such as dumps. */
  readonly events?: readonly NewEvent[];
  readonly seed?: number;
  readonly trace?: ReplayOptions["trace"];
}): FlowResult[] {
  const { events } = importManifests([
    { file: "test.yaml", text: test.manifests },
  ]);
  const tape = makeTape([
    ...events.map((event) => ({ timeNs: 0, event })),
    ...Object.entries(test.records ?? {}).map(([name, addresses]) => ({
      timeNs: 0,
      event: newEvent("record.applied", { name, addresses, alias: null }),
    })),
    ...(test.events ?? []).map((event) => ({ timeNs: 0, event })),
    ...test.flows.map((flow, index) => ({
      timeNs: flow.atNs ?? 0,
      event: newEvent("flow.opened", { flow: flowIntent(flow, index) }),
    })),
  ]);
  const { results } = replay(tape, stackOf(...test.stack), {
    seed: test.seed ?? 1,
    trace: test.trace ?? "full",
  });
  return [...results];
}

/** The flow that short text means. */
export function flowIntent(flow: ShortFlow, index = 0): FlowIntent {
  const from = parsePlace(flow.from, flow.via ?? null);
  const target = parseTarget(flow.to);
  if (from === undefined || target === undefined) {
    throw new InputError([{
      message: `Cannot read flow: ${flow.from} to ${flow.to}`,
      at: { file: "test", line: 1, column: 1 },
    }]);
  }
  return {
    id: `flow ${index + 1}`,
    from,
    ...target,
    sourcePort: flow.sourcePort ?? null,
    connection: flow.connection ?? null,
    application: application(flow),
  };
}

function application(flow: ShortFlow): Application {
  if (flow.http !== undefined) {
    const url = new URL(flow.http.url);
    const request: HttpRequest = {
      method: flow.http.method ?? "GET",
      scheme: url.protocol === "https:" ? "https" : "http",
      authority: url.host,
      path: rawPath(flow.http.url),
      headers: Object.entries(flow.http.headers ?? {}),
    };
    return { kind: "http", request, tls: request.scheme === "https" };
  }
  if (flow.tls !== undefined) {
    return { kind: "tls", serverName: flow.tls.serverName };
  }
  return {
    kind: "opaque",
    lengthBytes: 100,
    ...(flow.question === undefined ? {} : { question: flow.question }),
  };
}

/** The path as written: URL would normalise `..` and `//` away. */
function rawPath(url: string): string {
  const path = url.replace(/^[a-z]+:\/\/[^/?]*/, "");
  return path.startsWith("/") ? path : `/${path}`;
}
