import { InputError } from "../../core/errors.ts";
import { Ip } from "../../core/packet/ip.ts";
import { PLAIN_PROFILE } from "../../core/policy/profile.ts";
import { PROTOCOL } from "../../core/packet/packet.ts";
import {
  allowed,
  type Peer,
  type PolicyWorld,
  policyWorld,
} from "./_policy_case.ts";
import {
  type Connections,
  type Differences,
  readConnlist,
  readDifferences,
} from "./_np_guard_list.ts";
import type { CaseResult, Suite } from "./suite.ts";

/** Connectivity that np-guard's analyzer publishes for directories of manifests. */
export const npGuard: Suite = {
  name: "network-policy/np-guard",
  *run(directory) {
    const index: Index = JSON.parse(
      Deno.readTextFileSync(`${directory}/index.json`),
    );
    for (const row of index.connlist) yield judgeList(directory, row);
    for (const row of index.diff) yield judgeDifferences(directory, row);
  },
};

interface Index {
  readonly connlist: readonly ListRow[];
  readonly diff: readonly DiffRow[];
}

interface DiffRow {
  readonly ref1: string;
  readonly ref2: string;
  readonly expected: readonly string[];
}

interface ListRow {
  readonly kind: "connlist" | "exposure";
  readonly dir: string;
  readonly focusWorkloads: readonly string[];
  readonly focusPeers: readonly string[];
  readonly focusDirection: string;
  readonly focusConn: string;
  readonly multipleNetworks: boolean;
  readonly expected: readonly string[];
}

function judgeList(directory: string, row: ListRow): CaseResult {
  const focus = [
    ...row.focusWorkloads,
    ...row.focusPeers,
    row.focusDirection,
    row.focusConn,
  ].filter((word) => word !== "").join(" ");
  const id = [row.kind, row.dir, focus].filter((word) => word !== "").join(" ");
  const unknown = row.kind === "exposure"
    ? "exposure to pods that do not exist is not listed"
    : row.multipleNetworks
    ? NETWORKS
    : null;
  if (unknown !== null) return { id, status: "unknown", actual: unknown };
  if (focus !== "") {
    return { id, status: "unknown", actual: "a part of a list is not cut out" };
  }
  const file = row.expected.find((name) => /\.(txt|csv)$/.test(name));
  if (file === undefined) {
    return { id, status: "unknown", actual: "the list has no text form" };
  }
  const list = readConnlist(
    Deno.readTextFileSync(`${directory}/${file}`),
    file.endsWith(".csv"),
  );
  if (list.ingressController) {
    return { id, status: "unknown", actual: INGRESS_CONTROLLER };
  }
  const set = manifestSet(`${directory}/${row.dir}`);
  if (typeof set === "string") return { id, status: "failed", actual: set };
  return verdict(id, compareList(set, list));
}

function judgeDifferences(directory: string, row: DiffRow): CaseResult {
  const id = `diff ${row.ref1} ${row.ref2}`;
  const file = row.expected.find((name) => /\.(txt|csv)$/.test(name));
  if (file === undefined) {
    return { id, status: "unknown", actual: "the list has no text form" };
  }
  const list = readDifferences(
    Deno.readTextFileSync(`${directory}/${file}`),
    file.endsWith(".csv"),
  );
  if (list.ingressController) {
    return { id, status: "unknown", actual: INGRESS_CONTROLLER };
  }
  const first = manifestSet(`${directory}/${row.ref1}`);
  if (typeof first === "string") return { id, status: "failed", actual: first };
  const second = manifestSet(`${directory}/${row.ref2}`);
  if (typeof second === "string") {
    return { id, status: "failed", actual: second };
  }
  if (SEVERAL_NETWORKS.test(first.text + second.text)) {
    return { id, status: "unknown", actual: NETWORKS };
  }
  return verdict(id, compareSets([first, second], list));
}

function verdict(id: string, faults: readonly string[]): CaseResult {
  return faults.length === 0
    ? { id, status: "passed" }
    : { id, status: "failed", actual: faults.slice(0, 3).join("; ") };
}

/** A directory of manifests, compiled. */
interface ManifestSet {
  readonly world: PolicyWorld;
  readonly text: string;
}

/** Reads a directory; a text when its manifests cannot be used. */
function manifestSet(directory: string): ManifestSet | string {
  const files = manifestsBelow(directory);
  try {
    return {
      world: policyWorld(files, PROFILE),
      text: files.map(({ text }) => text).join("\n"),
    };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.message.slice(0, 300);
  }
}

function manifestsBelow(directory: string) {
  const files: { file: string; text: string }[] = [];
  const names = [...Deno.readDirSync(directory)].sort((a, b) =>
    a.name < b.name ? -1 : 1
  );
  for (const { name, isDirectory } of names) {
    const path = `${directory}/${name}`;
    if (isDirectory) files.push(...manifestsBelow(path));
    else if (isManifest(name)) {
      files.push({ file: name, text: Deno.readTextFileSync(path) });
    }
  }
  return files;
}

/** Some directories hold published output beside the manifests. */
function isManifest(name: string): boolean {
  return /\.(ya?ml|json)$/.test(name) && !name.includes("_output");
}

/** The analyzer takes pods of the host's network for pods like any other. */
const PROFILE = { ...PLAIN_PROFILE, tellsHostNetworkPods: true };

const NETWORKS = "pods with several networks are not modelled";

const SEVERAL_NETWORKS =
  /kind: *(Cluster)?(UserDefinedNetwork|NetworkAttachmentDefinition)/;

const INGRESS_CONTROLLER = "ingress controllers are not listed";

const PROTOCOLS = { TCP: PROTOCOL.tcp, UDP: PROTOCOL.udp, SCTP: PROTOCOL.sctp };

function compareList(set: ManifestSet, list: Connections): string[] {
  const peers = [...workloads(set, list.names), ...outside([set], list)];
  const faults: string[] = [];
  for (const { from, to, name, protocol, port } of probes(peers, [set])) {
    const wanted = list.allows(from, to, { protocol: name, port });
    if (wanted === allowed(set.world.index, { from, to, protocol, port })) {
      continue;
    }
    const said = wanted ? "open" : "closed";
    faults.push(
      `${from.name} -> ${to.name} ${name} ${port}: ${said} in the list`,
    );
  }
  return faults;
}

/** Pairs without a line are the same in both sets; a workload that a set lacks has no connections there. */
function compareSets(
  sets: readonly [ManifestSet, ManifestSet],
  list: Differences,
): string[] {
  const inside = sets.map((set) =>
    new Map(workloads(set, list.names).map((peer) => [peer.name, peer]))
  );
  const world = outside(sets, list);
  const peers = new Map(
    [...inside.flatMap((map) => [...map.values()]), ...world]
      .map((peer) => [peer.name, peer]),
  );
  const faults: string[] = [];
  for (const probe of probes([...peers.values()], sets)) {
    const { from, to, name, protocol, port } = probe;
    const got = sets.map(({ world }, at) => {
      const here = (peer: Peer) =>
        peer.end instanceof Ip ? peer : inside[at]!.get(peer.name);
      const [source, destination] = [here(from), here(to)];
      return source !== undefined && destination !== undefined &&
        allowed(world.index, { from: source, to: destination, protocol, port });
    });
    const wanted = list.find(from, to, { protocol: name, port });
    const right = wanted === undefined
      ? got[0] === got[1]
      : got[0] === wanted[0] && got[1] === wanted[1];
    if (right) continue;
    faults.push(
      `${from.name} -> ${to.name} ${name} ${port}: ${
        wanted?.join(" then ") ?? "the same"
      } in the list, not ${got.join(" then ")}`,
    );
  }
  return faults;
}

/** Addresses at the edges of a list's ranges that nobody in the clusters has. */
function outside(
  sets: readonly ManifestSet[],
  { boundaries }: { readonly boundaries: readonly Ip[] },
): Peer[] {
  return boundaries
    .filter((ip) =>
      sets.every(({ world: { cluster } }) =>
        cluster.podAt(ip) === undefined && cluster.nodeAt(ip) === undefined
      )
    )
    .map((end) => ({ name: end.text, end }));
}

/** Every pair of peers, at every port where some rule may change its mind. */
function* probes(peers: readonly Peer[], sets: readonly ManifestSet[]) {
  const ports = new Set(
    sets.flatMap(({ world }) => portBoundaries(world)),
  );
  for (const from of peers) {
    for (const to of peers) {
      if (from.name === to.name) continue;
      if (from.end instanceof Ip && to.end instanceof Ip) continue;
      for (const [name, protocol] of Object.entries(PROTOCOLS)) {
        for (const port of ports) yield { from, to, name, protocol, port };
      }
    }
  }
}

/** Pods under the names that the list has for their workloads; one stands for all of a workload. */
function workloads(
  { world, text: given }: ManifestSet,
  listed: ReadonlySet<string>,
): Peer[] {
  const found = new Map<string, Peer>();
  for (const pod of world.cluster.pods.values()) {
    const names = [
      `${pod.namespace}/${pod.workload.name}[${pod.workload.kind}]`,
      `${pod.namespace}/${pod.name}[Pod]`,
      `${pod.namespace}/${pod.name.replace(/-[^-]+$/, "")}[ReplicaSet]`,
    ];
    const name = names.find((one) => listed.has(one)) ?? names[0]!;
    if (found.has(name)) continue;
    // Only an address that the manifests give can be in a block.
    const ip = pod.ips.find(({ text }) => given.includes(text));
    const peer = pod.hostNetwork || ip === undefined ? pod : ip;
    found.set(name, { name, end: pod, peer });
  }
  return [...found.values()];
}

/** Ports at which any rule changes its mind, and those beside them. */
function portBoundaries({ index, cluster }: PolicyWorld): number[] {
  const ports = new Set([1, 65_535]);
  for (const { rules } of index.policies) {
    for (const { ports: matches } of rules) {
      for (const match of matches ?? []) {
        if (match.kind !== "range") continue;
        for (const port of [match.from, match.to]) {
          for (const near of [port - 1, port, port + 1]) {
            if (near >= 1 && near <= 65_535) ports.add(near);
          }
        }
      }
    }
  }
  for (const { ports: declared } of cluster.pods.values()) {
    for (const { name, port } of declared) if (name !== null) ports.add(port);
  }
  return [...ports];
}
