import type { KubeObject } from "../../core/cluster/model.ts";
import type { ClusterView } from "../../core/cluster/view.ts";
import { PRIORITY } from "../../core/replay/hook.ts";
import { definePlugin } from "../../core/replay/plugin.ts";
import { type Arrivals, noteArrival } from "./arrivals.ts";
import { compareText } from "../../core/policy/compare_text.ts";
import { Compiler } from "./compiler.ts";
import { isAgentConfig, readConfigMap } from "./config_map.ts";
import { connect } from "./connect.ts";
import { type Compiled, NodeDatapath } from "./datapath.ts";
import { type Answers, learnRecord } from "./dns_names.ts";
import { isMapDump } from "./dumps/loaded_dumps.ts";
import { fromPod } from "./from_pod.ts";
import { fromDevice, fromWire } from "./from_wire.ts";
import {
  masqueradeByNetfilter,
  unmasqueradeByNetfilter,
} from "./masquerade.ts";
import { isAgentObject } from "./live/agent_objects.ts";
import type { TimedDump } from "./live/live_nodes.ts";
import { MODELS } from "./models.ts";
import { type Options, optionsSchema, settingsOf } from "./options.ts";
import { toPod } from "./to_pod.ts";
import { toWire } from "./to_wire.ts";
import { bindTransparent } from "./transparent.ts";

export { describeOptions } from "./options.ts";

/** Everything folded from events. */
interface State {
  /** Policy objects by kind, namespace and name. */
  readonly objects: Record<string, KubeObject>;
  readonly answers: Answers;
  /** In the order in which they were loaded. */
  readonly dumps: TimedDump[];
  /** What agents have written of identities and endpoints, by kind, namespace and name. */
  readonly agentObjects: Record<string, KubeObject>;
  /** Null: identities are known at once. */
  readonly arrivals: Arrivals | null;
}

/** What was compiled of a state before, so that only what has changed is compiled again. */
const compilers = new WeakMap<State, {
  readonly compiler: Compiler;
  readonly cluster: ClusterView;
  readonly config: KubeObject | undefined;
}>();

/** Cilium's datapath: identities, policy, load balancing, masquerading. */
export default definePlugin({
  manifest: {
    name: "ebpf",
    version: "0.1.0",
    apiVersion: "v1",
    consumes: [
      "policy.applied",
      "policy.deleted",
      "record.applied",
      "dump.loaded",
      "pod.applied",
      "pod.deleted",
    ],
    kinds: [
      "networking.k8s.io/NetworkPolicy",
      "cilium.io/CiliumNetworkPolicy",
      "cilium.io/CiliumClusterwideNetworkPolicy",
      "cilium.io/CiliumCIDRGroup",
      "cilium.io/CiliumIdentity",
      "cilium.io/CiliumEndpoint",
      "cilium.io/CiliumLocalRedirectPolicy",
      "policy.networking.k8s.io/ClusterNetworkPolicy",
    ],
    hooks: {
      connect: { hook: "socket", priority: 0 },
      fromPod: { hook: "from-pod", priority: 0 },
      // The proxy's socket has its address before any rule sees the packet.
      bindTransparent: { hook: "output", priority: PRIORITY.raw - 100 },
      // XDP comes before tc, and so before everyone else at the device.
      fromDevice: { hook: "from-wire", priority: -1_000 },
      fromWire: { hook: "from-wire", priority: 100 },
      // Round whatever else netfilter does, which so sees the pod's address on both ways.
      unmasquerade: { hook: "prerouting", priority: PRIORITY.raw - 1 },
      masquerade: { hook: "postrouting", priority: PRIORITY.confirm },
      toWire: { hook: "to-wire", priority: -100 },
      toPod: { hook: "to-pod", priority: 0 },
    },
    scope: "flow",
    models: MODELS,
  },
  options: optionsSchema,
  initialState: ({ identityDelayMs }): State => ({
    objects: {},
    answers: {},
    arrivals: identityDelayMs > 0 ? {} : null,
    dumps: [],
    agentObjects: {},
  }),
  evolve(state: State, event): State {
    if (event.type === "policy.applied") {
      const { object } = event.data;
      const { namespace, name } = object.metadata;
      const key = keyOf({ ...object, namespace: namespace ?? null, name });
      const { objects, agentObjects } = state;
      (isAgentObject(object) ? agentObjects : objects)[key] = object;
    } else if (event.type === "policy.deleted") {
      delete state.objects[keyOf(event.data)];
      delete state.agentObjects[keyOf(event.data)];
    } else if (event.type === "dump.loaded") {
      const { data: dump, timeNs } = event;
      if (isMapDump(dump)) state.dumps.push({ dump, timeNs });
    } else if (event.type === "record.applied") {
      learnRecord(state.answers, event);
    } else if (state.arrivals !== null) noteArrival(state.arrivals, event);
    return state;
  },
  compile(state, cluster, options: Options): Compiled {
    const objects = Object.keys(state.objects).sort(compareText)
      .map((key) => state.objects[key]!);
    const config = options.fromConfigMap
      ? objects.find(isAgentConfig)
      : undefined;
    let made = compilers.get(state);
    if (made?.cluster !== cluster || made.config !== config) {
      const { options: used, warnings } = config === undefined
        ? { options, warnings: [] }
        : readConfigMap(config, options);
      const settings = settingsOf(used);
      const compiler = new Compiler({ cluster, settings, warnings });
      compilers.set(state, made = { compiler, cluster, config });
    }
    return made.compiler.compile(objects, {
      answers: state.answers,
      arrivals: state.arrivals,
      dumps: options.dumps === "run" ? state.dumps : [],
      agentObjects: Object.values(state.agentObjects),
    });
  },
  overlay: ({ overlays }, node) => overlays.get(node.name) ?? null,
  addresses: ({ nodeAddresses }, node) =>
    nodeAddresses.get(node.name)?.ingress ?? [],
  attach(compiled, node) {
    const path = new NodeDatapath(compiled, node);
    const { settings } = compiled;
    const { socketLb, masquerade, hostRouting, tunnel, xdp } = settings;
    const { kubeProxyReplacement, hostFirewall } = settings;
    const inspects = path.endsAtProxies;
    const rewritesWire = kubeProxyReplacement || masquerade === "bpf";
    return {
      fromPod: fromPod(path),
      toPod: toPod(path),
      ...(socketLb === "off" ? {} : { connect: connect(path) }),
      bindTransparent: bindTransparent(path),
      ...(kubeProxyReplacement && xdp ? { fromDevice: fromDevice(path) } : {}),
      ...(rewritesWire || hostRouting || inspects || hostFirewall
        ? { fromWire: fromWire(path) }
        : {}),
      ...(rewritesWire || tunnel !== null || hostFirewall
        ? { toWire: toWire(path) }
        : {}),
      ...(masquerade === "iptables"
        ? {
          masquerade: masqueradeByNetfilter(path),
          unmasquerade: unmasqueradeByNetfilter(path),
        }
        : {}),
    };
  },
  warnings: ({ warnings }) => warnings,
  kindsOf: ({ fromConfigMap }) => fromConfigMap ? ["ConfigMap"] : [],
  /** All processes in a host's network namespace are one client to session affinity. */
  scopeOf({ settings, cluster, live }) {
    const sticky = settings.sessionAffinity && settings.socketLb !== "off" &&
      ([...cluster.services.values()].some((service) =>
        service.affinityTimeoutS !== null
      ) || live.haveAffinity());
    return sticky ? "node" : "flow";
  },
});

/** The version is left out: an object is the same in each that serves it. */
function keyOf(
  { apiVersion, kind, namespace, name }: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace: string | null;
    readonly name: string;
  },
): string {
  return `${apiVersion.split("/")[0]}/${kind}/${namespace ?? ""}/${name}`;
}
