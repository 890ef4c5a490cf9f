import type { KubeObject } from "../../../core/cluster/model.ts";
import { Ip } from "../../../core/packet/ip.ts";
import type { IdentityLabels } from "../dumps/identity_list.ts";

/** What a CiliumEndpoint says of an address. */
export interface AgentEndpoint {
  /** The number of the endpoint on its node. */
  readonly id: number | null;
  readonly identity: number | null;
}

/** What agents have written of identities and endpoints into the cluster. */
export interface AgentObjects {
  readonly identities: IdentityLabels;
  /** By address. */
  readonly endpoints: ReadonlyMap<string, AgentEndpoint>;
}

/** Kinds that agents keep for each other; no user writes them. */
export const AGENT_KINDS = ["CiliumIdentity", "CiliumEndpoint"] as const;

/** Whether an object is one of those. */
export function isAgentObject({ kind }: Pick<KubeObject, "kind">): boolean {
  return AGENT_KINDS.some((one) => one === kind);
}

/** Reads the agents' objects; what in them is not as agents write it is passed over. */
export function readAgentObjects(objects: Iterable<KubeObject>): AgentObjects {
  const identities = new Map<number, readonly string[]>();
  const endpoints = new Map<string, AgentEndpoint>();
  for (const object of objects) {
    if (object.kind === "CiliumIdentity") {
      const id = numberOf(object.metadata.name);
      const labels = fieldsOf(object["security-labels"]);
      if (id !== null && object["security-labels"] !== undefined) {
        identities.set(id, labelTexts(labels));
      }
    } else if (object.kind === "CiliumEndpoint") {
      readEndpoint(fieldsOf(object.status), { identities, endpoints });
    }
  }
  return { identities, endpoints };
}

type Fields = Readonly<Record<string, unknown>>;

function readEndpoint(
  status: Fields,
  { identities, endpoints }: {
    readonly identities: Map<number, readonly string[]>;
    readonly endpoints: Map<string, AgentEndpoint>;
  },
): void {
  const identity = fieldsOf(status["identity"]);
  const number = numberOf(identity["id"]);
  const { labels } = identity;
  if (number !== null && Array.isArray(labels) && !identities.has(number)) {
    identities.set(number, labels.map(String).sort());
  }
  const { addressing } = fieldsOf(status["networking"]);
  for (const pair of Array.isArray(addressing) ? addressing : []) {
    for (const text of Object.values(fieldsOf(pair))) {
      const ip = Ip.parse(`${text}`);
      if (ip === undefined) continue;
      endpoints.set(ip.text, { id: numberOf(status["id"]), identity: number });
    }
  }
}

/** `k8s:app: web` as `k8s:app=web`, sorted. */
function labelTexts(labels: Fields): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`).sort();
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Fields
    : {};
}

function numberOf(value: unknown): number | null {
  const number = typeof value === "string" && /^\d{1,10}$/.test(value)
    ? Number(value)
    : value;
  return typeof number === "number" && Number.isInteger(number) &&
      number >= 0 && number <= 0xffffffff
    ? number
    : null;
}
