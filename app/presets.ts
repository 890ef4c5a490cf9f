import type { Problem } from "../core/errors.ts";
import type { PluginUse } from "../core/replay/plugin.ts";

/** A plugin of a stack, with the options that a preset gives it. */
export interface PresetPlugin {
  /** Name of the plugin. */
  readonly plugin: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Where the options stand among those of the preset. */
  readonly path: readonly string[];
}

/** Something wrong with the options of a preset itself. */
export interface PresetProblem extends Omit<Problem, "at" | "excerpt"> {
  readonly path: readonly string[];
}

/** What a preset stands for. */
export interface Expansion {
  readonly plugins: readonly PresetPlugin[];
  readonly problems?: readonly PresetProblem[];
}

/** A name that users know, for one or several plugins. */
export interface Preset {
  /** What it is, in a few words. */
  readonly about: string;
  expand(options: Readonly<Record<string, unknown>>): Expansion;
}

/** Plugins by name, loaded when a stack needs them. */
export const PLUGINS = {
  "iptables": () => import("../plugins/iptables/mod.ts"),
  "ebpf": () => import("../plugins/ebpf/mod.ts"),
  "mesh": () => import("../plugins/mesh/mod.ts"),
  "wireguard": () => import("../plugins/wireguard/mod.ts"),
  "gateway": () => import("../plugins/gateway/mod.ts"),
  "kernel": () => import("./kernel/kernel_stack.ts"),
} as const;

/** What a plugin of ours needs of the machine, and holds while it runs. */
export interface Machine {
  /** Why it cannot run here; null when it can. */
  readonly missing: string | null;
  release(): void;
}

/** The machine that a plugin in use needs. */
export async function machineOf(
  { plugin: { manifest } }: PluginUse,
): Promise<Machine> {
  const module = await moduleOf(manifest.name);
  if (module === undefined || !("available" in module)) {
    return { missing: null, release: () => {} };
  }
  const answer = module.available();
  const { release } = module;
  return { missing: answer.ok ? null : answer.why, release };
}

async function moduleOf(name: string) {
  const load = Object.entries(PLUGINS).find(([own]) => own === name)?.[1];
  return await load?.();
}

/** Options of a plugin in use that are taken and have no effect, a sentence each. */
export async function describeUse(
  { plugin: { manifest }, options }: PluginUse,
): Promise<readonly string[]> {
  const module = await moduleOf(manifest.name);
  return module !== undefined && "describeOptions" in module
    ? module.describeOptions(options as never)
    : [];
}

/** Presets by name. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  "kube-proxy": {
    about: "kube-proxy; mode iptables, nftables or ipvs; no policy engine",
    expand: (options) => one("iptables", options),
  },
  "kube-proxy-nftables": {
    about: "kube-proxy in nftables mode",
    expand: (options) => one("iptables", { mode: "nftables", ...options }),
  },
  "kube-proxy-ipvs": {
    about: "kube-proxy in IPVS mode",
    expand: (options) => one("iptables", { mode: "ipvs", ...options }),
  },
  "cilium": {
    about: "Cilium, in place of kube-proxy unless its values say otherwise",
    expand: expandCilium,
  },
  "istio": {
    about: "an Istio mesh; mode sidecar or ambient",
    expand: (options) => one("mesh", options),
  },
  "wireguard": {
    about: "WireGuard between nodes",
    expand: (options) => one("wireguard", options),
  },
  "gateway-api": {
    about: "Gateway API as its specification has it",
    expand: (options) => one("gateway", options),
  },
  "envoy-gateway": {
    about: "Gateway API as Envoy Gateway has it",
    expand: (options) => implementation("envoy-gateway", options),
  },
  "ingress-nginx": {
    about: "Ingress as ingress-nginx reads it",
    expand: (options) => implementation("ingress-nginx", options),
  },
};

function one(
  plugin: keyof typeof PLUGINS,
  options: Readonly<Record<string, unknown>>,
): Expansion {
  return { plugins: [{ plugin, options, path: [] }] };
}

function implementation(
  name: string,
  options: Readonly<Record<string, unknown>>,
): Expansion {
  return one("gateway", { implementation: name, ...options });
}

/**
 * Who installs Cilium as a stack of its own mostly wants it in place of
 * kube-proxy, so that is the default here, though not the chart's. Without it
 * kube-proxy comes along, and encryption by WireGuard brings its plugin.
 */
function expandCilium(options: Readonly<Record<string, unknown>>): Expansion {
  const { values: given = {}, kubeProxy = {}, ...rest } = options;
  const values: Record<string, unknown> = {
    kubeProxyReplacement: true,
    ...asMapping(given),
  };
  const plugins: PresetPlugin[] = [
    { plugin: "ebpf", options: { ...rest, values }, path: [] },
  ];
  if (!isOn(values["kubeProxyReplacement"])) {
    // Cilium masquerades what pods send out of the cluster, not kube-proxy.
    const options = { egressMasquerade: false, ...asMapping(kubeProxy) };
    plugins.push({ plugin: "iptables", options, path: ["kubeProxy"] });
  }
  const { enabled, type = "ipsec", ...encryption } = asMapping(
    values["encryption"],
  );
  const path = ["values", "encryption"];
  if (isOn(enabled) && type === "wireguard") {
    const options = wireguardOptions(encryption, values["routingMode"]);
    plugins.push({ plugin: "wireguard", options, path });
  }
  const problems = !isOn(enabled) || type === "wireguard" ? [] : [{
    path: [...path, "type"],
    message: `Cannot use encryption of type ${type}: it is not modelled`,
    expected: "type wireguard",
  }];
  return { plugins, problems };
}

/** The chart's `encryption` as the plugin's options; what is about the mode alone goes by its own name. */
function wireguardOptions(
  { wireguard: _, ipsec: __, strictMode, ...rest }: Record<string, unknown>,
  routing: unknown,
): Record<string, unknown> {
  const { enabled, cidr } = asMapping(strictMode);
  return {
    ...rest,
    ...(routing === "tunnel" ? { routing } : {}),
    ...(isOn(enabled) ? { strict: { cidr } } : {}),
  };
}

/** Helm takes truth values as text too. */
function isOn(value: unknown): boolean {
  return value === true || value === "true";
}

function asMapping(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : {};
}
