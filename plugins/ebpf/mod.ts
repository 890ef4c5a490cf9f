import type { KubeObject } from "../../core/cluster/model.ts";
import { PRIORITY } from "../../core/replay/hook.ts";
import type { Holder } from "../../core/policy/party_table.ts";
import { definePlugin, type Overlay } from "../../core/replay/plugin.ts";
import { compareText } from "../../core/policy/compare_text.ts";
import { ciliumProfile, compilePolicies } from "./compile_policies.ts";
import { connect } from "./connect.ts";
import { type Compiled, NodeDatapath } from "./datapath.ts";
import { fromPod } from "./from_pod.ts";
import { fromWire } from "./from_wire.ts";
import { hostDevice } from "./host_device.ts";
import {
  masqueradeByNetfilter,
  unmasqueradeByNetfilter,
} from "./masquerade.ts";
import { MODELS } from "./models.ts";
import { type Options, optionsSchema, settingsOf } from "./options.ts";
import { ServiceMap } from "./service_map.ts";
import { toPod } from "./to_pod.ts";
import { toWire } from "./to_wire.ts";
import { bindTransparent } from "./transparent.ts";

export { describeOptions } from "./options.ts";

/** Policy objects by kind, namespace and name. */
type State = Record<string, KubeObject>;

/** First release that enforces the policy API's ClusterNetworkPolicy. */
const CLUSTER_NETWORK_POLICY_SINCE = 20;

/** Cilium's datapath: identities, policy, load balancing, masquerading. */
export default definePlugin({
  manifest: {
    name: "ebpf",
    version: "0.1.0",
    apiVersion: "v1",
    consumes: ["policy.applied", "policy.deleted"],
    kinds: [
      "networking.k8s.io/NetworkPolicy",
      "cilium.io/CiliumNetworkPolicy",
      "cilium.io/CiliumClusterwideNetworkPolicy",
      "cilium.io/CiliumCIDRGroup",
      "policy.networking.k8s.io/ClusterNetworkPolicy",
    ],
    hooks: {
      connect: { hook: "socket", priority: 0 },
      fromPod: { hook: "from-pod", priority: 0 },
      // The proxy's socket has its address before any rule sees the packet.
      bindTransparent: { hook: "output", priority: PRIORITY.raw - 100 },
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
  initialState: (): State => ({}),
  evolve(state: State, event): State {
    if (event.type === "policy.applied") {
      const { object } = event.data;
      const { namespace, name } = object.metadata;
      state[keyOf({ ...object, namespace: namespace ?? null, name })] = object;
    } else if (event.type === "policy.deleted") {
      delete state[keyOf(event.data)];
    }
    return state;
  },
  compile(state, cluster, options: Options): Compiled {
    const settings = settingsOf(options);
    const objects = Object.keys(state).sort(compareText)
      .map((key) => state[key]!);
    const policies = compilePolicies(objects, {
      cluster,
      profile: ciliumProfile(settings),
      adminPolicies: settings.minor >= CLUSTER_NETWORK_POLICY_SINCE,
    });
    const overlays = new Map<string, Overlay>();
    if (settings.tunnel !== null) {
      for (const [name, node] of cluster.nodes) {
        overlays.set(name, hostDevice(node, cluster));
      }
    }
    return {
      settings,
      cluster,
      policies,
      overlays,
      hostDevices: hostDevicesOf(overlays, { cluster, policies }),
      services: new ServiceMap(cluster, settings),
      inspects: policies.index.policies.some(({ rules }) =>
        rules.some(({ l7 }) => l7 !== null)
      ),
    };
  },
  overlay: ({ overlays }, node) => overlays.get(node.name) ?? null,
  attach(compiled, node) {
    const path = new NodeDatapath(compiled, node);
    const { socketLb, masquerade, kubeProxyReplacement, hostRouting, tunnel } =
      compiled.settings;
    const { inspects } = compiled;
    const rewritesWire = kubeProxyReplacement || masquerade === "bpf";
    return {
      fromPod: fromPod(path),
      toPod: toPod(path),
      ...(socketLb === "off" ? {} : { connect: connect(path) }),
      ...(inspects ? { bindTransparent: bindTransparent() } : {}),
      ...(rewritesWire || hostRouting || inspects
        ? { fromWire: fromWire(path) }
        : {}),
      ...(rewritesWire || tunnel !== null ? { toWire: toWire(path) } : {}),
      ...(masquerade === "iptables"
        ? {
          masquerade: masqueradeByNetfilter(path),
          unmasquerade: unmasqueradeByNetfilter(path),
        }
        : {}),
    };
  },
  /** All processes in a host's network namespace are one client to session affinity. */
  scopeOf({ settings, cluster }) {
    const sticky = settings.sessionAffinity && settings.socketLb !== "off" &&
      [...cluster.services.values()].some((service) =>
        service.affinityTimeoutS !== null
      );
    return sticky ? "node" : "flow";
  },
});

/** Who has an address of `cilium_host`: the node. */
function hostDevicesOf(
  overlays: ReadonlyMap<string, Overlay>,
  { cluster, policies }: Pick<Compiled, "cluster" | "policies">,
): Map<string, Holder> {
  const holders = new Map<string, Holder>();
  for (const [name, { addresses }] of overlays) {
    const node = cluster.nodes.get(name)!;
    const [own] = [...node.internalIps, ...node.externalIps];
    if (own === undefined) continue;
    const holder = policies.index.holderOf(own);
    for (const ip of addresses) holders.set(ip.text, holder);
  }
  return holders;
}

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
