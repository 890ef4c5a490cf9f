import type { Labels, Node } from "../../core/cluster/model.ts";
import type { Selector } from "../../core/cluster/selector.ts";
import type { Party, PeerMatch } from "../../core/policy/party.ts";
import type { Path, SpecReader } from "../../core/policy/spec_reader.ts";
import { bareKey, countsForIdentity, LABEL, selectorKey } from "./labels.ts";

/** What selectors are held against. */
export interface Endpoints {
  labelsOf(party: Party): Labels;
  reservedOf(party: Party): readonly string[];
  /** Of the cluster whose policies these are. */
  readonly clusterName: string;
  /** Selectors that name no cluster mean this one (policy-default-local-cluster). */
  readonly localByDefault: boolean;
}

/** A selector of endpoints, tied to a namespace where its policy is. */
export interface EndpointSelector {
  matches(party: Party): boolean;
}

/**
 * Reads an endpoint selector. One in a namespaced policy means that namespace
 * unless it names one, or a reserved label (pkg/k8s/apis/cilium.io/utils,
 * getEndpointSelector).
 */
export function readEndpointSelector(
  reader: SpecReader,
  value: unknown,
  { path, namespace, endpoints, subject }: {
    readonly path: Path;
    /** Null in a clusterwide policy. */
    readonly namespace: string | null;
    readonly endpoints: Endpoints;
    /** Subjects are in the policy's namespace whatever they say. */
    readonly subject: boolean;
  },
): EndpointSelector {
  const selector = reader.selector(spelled(value), path);
  const keys = selector.requirements.map(({ key }) => key);
  const reserved = keys.some((key) => key.startsWith("reserved:"));
  const named = keys.some(namesNamespace);
  const tied = namespace !== null && (subject || !reserved && !named);
  // `{}` is every pod, never the world or a node: it asks for a namespace label.
  // Subjects of a clusterwide policy are all endpoints, the proxy's included.
  const podsOnly = tied || !reserved && !(subject && namespace === null);
  // Policies are about their own cluster's endpoints only.
  const local = subject || endpoints.localByDefault &&
      !keys.some((key) => bareKey(key) === LABEL.cluster);
  return {
    matches: (party) =>
      (!local || isLocal(party, endpoints)) &&
      (!podsOnly || party.kind === "pod" || hasReserved(selector)) &&
      (!tied || party.namespace === namespace) &&
      selector.matches(endpoints.labelsOf(party)),
  };
}

/**
 * Reads a selector of nodes. It sees the labels that count towards identities,
 * so that one by `kubernetes.io/os` finds no node at all (pkg/labelsfilter).
 */
export function readNodeSelector(
  reader: SpecReader,
  value: unknown,
  path: Path,
): (party: Party) => boolean {
  const selector = reader.selector(spelled(value), path);
  const known = new Map<Node, boolean>();
  return ({ node }) => {
    if (node === null) return false;
    let matches = known.get(node);
    if (matches === undefined) {
      known.set(node, matches = selector.matches(nodeLabels(node)));
    }
    return matches;
  };
}

/**
 * The same of nodes as peers. Whether the labels that no pod's identity has
 * count for a node's is not known (--node-labels).
 */
export function readNodePeer(
  reader: SpecReader,
  value: unknown,
  path: Path,
): PeerMatch {
  const { requirements } = reader.selector(spelled(value), path);
  const known = requirements.every(({ key }) =>
    countsForIdentity(bareKey(key))
  );
  const matches = readNodeSelector(reader, value, path);
  return {
    matches: (party) =>
      party.node !== null && (known ? matches(party) : "unknown"),
  };
}

function nodeLabels({ labels }: Node): Labels {
  return Object.fromEntries(
    Object.entries(labels).filter(([key]) => countsForIdentity(key))
      .flatMap(([key, text]) => [[key, text], [`k8s:${key}`, text]]),
  );
}

/** A selector by a bare key such as `any:host` may mean a reserved label too. */
function hasReserved({ requirements }: Selector): boolean {
  return requirements.some(({ key }) => key.startsWith("reserved:"));
}

/** Whether a party is no other cluster's pod. */
export function isLocal(
  { kind, labels }: Party,
  { clusterName }: Pick<Endpoints, "clusterName">,
): boolean {
  const cluster = labels[LABEL.cluster];
  return kind !== "pod" || cluster === undefined || cluster === clusterName;
}

function namesNamespace(key: string): boolean {
  const bare = bareKey(key);
  return bare === LABEL.namespace ||
    bare.startsWith(`${LABEL.namespaceLabels}.`);
}

/** The selector with `any:` taken from its keys. */
function spelled(value: unknown): unknown {
  if (!isMapping(value)) return value;
  const { matchLabels, matchExpressions } = value;
  return {
    ...value,
    ...(isMapping(matchLabels)
      ? {
        matchLabels: Object.fromEntries(
          Object.entries(matchLabels).map(([key, text]) => [
            selectorKey(key),
            text,
          ]),
        ),
      }
      : {}),
    ...(Array.isArray(matchExpressions)
      ? {
        matchExpressions: matchExpressions.map((one: unknown) =>
          isMapping(one) && typeof one["key"] === "string"
            ? { ...one, key: selectorKey(one["key"]) }
            : one
        ),
      }
      : {}),
  };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
