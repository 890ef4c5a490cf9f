import type { KubeObject, Labels, Service } from "../../core/cluster/model.ts";
import { compareDomains, inDomain } from "../../core/l7/host.ts";
import { record, records, texts } from "../../core/l7/json.ts";
import type { Rule } from "../../core/source.ts";
import { readLabels, readNumber, readText } from "./_read.ts";
import { citeObject } from "./_rule.ts";
import { selects } from "./peer_authentication.ts";
import type { ServiceRegistry } from "./service_registry.ts";
import { type Client, isExportedTo, labelsKey } from "./virtual_service.ts";

/** What a client does about TLS; `auto`: nothing was said. */
export type ClientTls =
  | "auto"
  | "DISABLE"
  | "SIMPLE"
  | "MUTUAL"
  | "ISTIO_MUTUAL";

/** Rules of one namespace for one host, merged. */
export interface DestinationPolicy {
  readonly host: string;
  readonly namespace: string;
  readonly rule: Rule;
  /** Labels of a subset; undefined when there is none of that name. */
  subset(name: string): Labels | undefined;
  tls(subset: string | null, port: number): ClientTls;
  /** Whether connections go where they were sent, without load balancing. */
  readonly passthrough: boolean;
}

interface Written {
  readonly object: KubeObject;
  readonly namespace: string;
  readonly host: string;
  readonly exportTo: readonly string[];
  readonly selector: Labels;
  readonly policy: Readonly<Record<string, unknown>>;
  readonly subsets: readonly Readonly<Record<string, unknown>>[];
}

/**
 * DestinationRules of a mesh, ready to be asked. They are looked for in the
 * client's namespace, then the Service's, then the root namespace; the first
 * that has one wins and nothing is merged across them (istio/istio
 * pilot/pkg/model/push_context.go, destinationRule).
 */
export class DestinationRules {
  readonly #rules: readonly Written[];
  readonly #rootNamespace: string;
  readonly #found = new Map<string, DestinationPolicy | null>();

  /** Takes the objects in the order of their age. */
  constructor(
    objects: readonly KubeObject[],
    { registry, rootNamespace }: {
      readonly registry: ServiceRegistry;
      readonly rootNamespace: string;
    },
  ) {
    this.#rootNamespace = rootNamespace;
    this.#rules = objects.map((object) => readRule(object, registry));
  }

  /** The policy that a client has for a host. */
  find(
    host: string,
    { client, service }: {
      readonly client: Client;
      readonly service: Service | undefined;
    },
  ): DestinationPolicy | undefined {
    const key = `${host} ${client.namespace} ${labelsKey(client.labels)}`;
    let found = this.#found.get(key);
    if (found === undefined) {
      found = this.#lookUp(host, { client, service }) ?? null;
      this.#found.set(key, found);
    }
    return found ?? undefined;
  }

  #lookUp(
    host: string,
    { client, service }: {
      readonly client: Client;
      readonly service: Service | undefined;
    },
  ): DestinationPolicy | undefined {
    const levels = [
      ...(client.namespace === this.#rootNamespace ? [] : [client.namespace]),
      ...(service === undefined ? [] : [service.namespace]),
      this.#rootNamespace,
    ];
    for (const namespace of levels) {
      const found = this.#mostSpecific(host, { namespace, client });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #mostSpecific(
    host: string,
    { namespace, client }: {
      readonly namespace: string;
      readonly client: Client;
    },
  ): DestinationPolicy | undefined {
    const usable = this.#rules.filter((rule) =>
      rule.namespace === namespace && inDomain(rule.host, host) &&
      isExportedTo(rule, client.namespace) &&
      selects(rule.selector, client.labels)
    );
    const best = usable.map((rule) => rule.host).sort(compareDomains)[0];
    return best === undefined
      ? undefined
      : merge(usable.filter((rule) => rule.host === best));
  }
}

/** Of rules for one host the first has the traffic policy, and each adds subsets of new names. */
function merge(rules: readonly Written[]): DestinationPolicy {
  const first = rules[0]!;
  const { policy } =
    rules.find((rule) => Object.keys(rule.policy).length > 0) ?? first;
  const subsets = new Map<string, Readonly<Record<string, unknown>>>();
  for (const subset of rules.flatMap((rule) => rule.subsets)) {
    const name = readText(subset.name) ?? "";
    if (!subsets.has(name)) subsets.set(name, subset);
  }
  return {
    host: first.host,
    namespace: first.namespace,
    rule: citeObject(first.object),
    passthrough: record(policy.loadBalancer).simple === "PASSTHROUGH",
    subset(name) {
      const subset = subsets.get(name);
      return subset && readLabels(subset.labels);
    },
    tls(subset, port) {
      const own = subset === null
        ? undefined
        : record(subsets.get(subset)?.trafficPolicy);
      return (own && tlsAt(own, port)) ?? tlsAt(policy, port) ?? "auto";
    },
  };
}

/** Settings for a port replace those for all ports as a whole, what they leave out included (MergeTrafficPolicy). */
function tlsAt(
  policy: Readonly<Record<string, unknown>>,
  port: number,
): ClientTls | undefined {
  const level = records(policy.portLevelSettings).find((item) =>
    readNumber(record(item.port).number) === port
  );
  const tls = (level ?? policy).tls;
  if (tls === undefined || tls === null) {
    return level === undefined ? undefined : "auto";
  }
  const mode = readText(record(tls).mode);
  return mode === "SIMPLE" || mode === "MUTUAL" || mode === "ISTIO_MUTUAL"
    ? mode
    : "DISABLE";
}

function readRule(object: KubeObject, registry: ServiceRegistry): Written {
  const spec = record(object.spec);
  const namespace = object.metadata.namespace ?? "default";
  return {
    object,
    namespace,
    host: registry.fullName(readText(spec.host) ?? "", namespace),
    exportTo: texts(spec.exportTo),
    selector: readLabels(record(spec.workloadSelector).matchLabels),
    policy: record(spec.trafficPolicy),
    subsets: records(spec.subsets),
  };
}
