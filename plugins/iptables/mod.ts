import type { KubeObject } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import {
  compileNetworkPolicies,
  isNetworkPolicy,
} from "../../core/policy/network_policy.ts";
import type { PolicyIndex } from "../../core/policy/policy_index.ts";
import { PLAIN_PROFILE } from "../../core/policy/profile.ts";
import { definePlugin } from "../../core/replay/plugin.ts";
import { DumpStore, type LoadedDump } from "./dump_store.ts";
import { GeneratedRules } from "./generated_rules.ts";
import { IpvsHooks } from "./ipvs_hooks.ts";
import { HANDLERS } from "./handler_names.ts";
import { nodeHost } from "./host.ts";
import { MODELS } from "./models.ts";
import { NodeNetfilter } from "./node_handlers.ts";
import { optionsSchema } from "./options.ts";
import { policyFilter } from "./policy_filter.ts";
import { RuleSet } from "./rule_set.ts";

/** What the plugin remembers of events. JSON-safe. */
interface State {
  readonly dumps: LoadedDump[];
  /** NetworkPolicies by `namespace/name`. */
  readonly policies: Record<string, KubeObject>;
}

/** State and cluster at one moment; rules of a node are made when a packet meets it. */
interface Compiled {
  readonly cluster: ClusterView;
  readonly generated: GeneratedRules;
  readonly dumps: DumpStore;
  /** Null where nobody enforces them. */
  readonly policies: PolicyIndex | null;
}

/**
 * Netfilter of every node, with the rules of kube-proxy in iptables mode and
 * of the network plugin beside it, or with the rules of a dump.
 */
export default definePlugin({
  manifest: {
    name: "iptables",
    version: "0.1.0",
    apiVersion: "v1",
    consumes: ["dump.loaded", "policy.applied", "policy.deleted"],
    kinds: [],
    hooks: HANDLERS,
    scope: "flow",
    models: MODELS,
  },
  options: optionsSchema,
  kindsOf: ({ networkPolicy }) =>
    networkPolicy === "enforce" ? ["networking.k8s.io/NetworkPolicy"] : [],
  initialState: (): State => ({ dumps: [], policies: {} }),
  evolve(state, event) {
    switch (event.type) {
      case "dump.loaded":
        state.dumps.push(event.data);
        break;
      case "policy.applied": {
        const { object } = event.data;
        if (isNetworkPolicy(object)) {
          state.policies[policyKey(object.metadata)] = object;
        }
        break;
      }
      case "policy.deleted":
        // Another group has a kind of the same name.
        if (
          event.data.kind === "NetworkPolicy" &&
          event.data.apiVersion.startsWith("networking.k8s.io/")
        ) {
          delete state.policies[policyKey(event.data)];
        }
        break;
    }
    return state;
  },
  compile: (state, cluster, options): Compiled => ({
    cluster,
    generated: new GeneratedRules(cluster, options),
    dumps: new DumpStore(options.dumps === "run" ? state.dumps : []),
    policies: options.networkPolicy === "enforce"
      ? compileNetworkPolicies(
        Object.keys(state.policies).sort().map((key) => state.policies[key]!),
        cluster,
        PLAIN_PROFILE,
      )
      : null,
  }),
  attach({ generated, dumps, policies }, node) {
    const dumped = dumps.tablesOf(node.name);
    const v4 = dumped.v4 === null ? generated.rulesOf(node, 4) : null;
    const v6 = dumped.v6 === null ? generated.rulesOf(node, 6) : null;
    const services = generated.ipvsServices(node);
    const sets = services.flatMap((one) => one.sets.dumps());
    const bound = services.flatMap((one) => one.bound);
    const rules = new RuleSet(
      { v4: dumped.v4 ?? v4!.own, v6: dumped.v6 ?? v6!.own },
      {
        host: {
          ...nodeHost(node, bound),
          mayBridge: dumped.v4 !== null || dumped.v6 !== null,
        },
        sets: dumps.setsOf(node.name, sets),
        shared: { 4: v4?.shared ?? null, 6: v6?.shared ?? null },
        nft: { 4: v4?.nft ?? null, 6: v6?.nft ?? null },
      },
    );
    // A virtual server does (ip_vs_register_conntrack()), and so does an engine of policies.
    const netfilter = new NodeNetfilter(rules, {
      tracks: services.length > 0 || policies !== null,
    });
    const handlers = netfilter.handlers();
    const filter = policies === null
      ? null
      : policyFilter(policies, { node, netfilter });
    if (filter !== null) {
      handlers.policyForward = filter;
      handlers.policyInput = filter;
    }
    if (services.length > 0) {
      const servers = new Map(services.flatMap((one) => [...one.servers]));
      const ipvs = new IpvsHooks(servers, netfilter);
      Object.assign(handlers, ipvs.handlers(), ipvs.policies(filter));
    }
    return handlers;
  },
  localAddresses: ({ generated }, node) =>
    generated.ipvsServices(node).flatMap(({ bound }) => bound),
  /** A dump in place of what would be generated is nobody's to sync. */
  programmed({ generated, dumps, policies }, node) {
    const dumped = dumps.tablesOf(node.name);
    const agent = { writer: "NetworkPolicy", parts: null, always: {} };
    const proxies = ([4, 6] as const).flatMap((family) => {
      const tables = family === 4 ? dumped.v4 : dumped.v6;
      const programmed = tables === null
        ? generated.programmed(node, family)
        : null;
      return programmed === null ? [] : [programmed];
    });
    return policies === null ? proxies : [...proxies, agent];
  },
  scopeOf: ({ cluster, dumps }) =>
    dumps.shareState() || usesAffinity(cluster) ? "node" : "flow",
});

function policyKey(
  { namespace, name }: {
    readonly namespace?: string | null | undefined;
    readonly name: string;
  },
): string {
  return `${namespace ?? "default"}/${name}`;
}

/** `-m recent` keeps at most so many clients a node, so one pushes out another. */
function usesAffinity(cluster: ClusterView): boolean {
  for (const { affinityTimeoutS } of cluster.services.values()) {
    if (affinityTimeoutS !== null) return true;
  }
  return false;
}
