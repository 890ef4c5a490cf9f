import type { Values } from "./options.ts";

/** Values that cannot be together. */
export interface Contradiction {
  /** Of the value that gives way. */
  readonly path: readonly string[];
  readonly message: string;
}

/** First release whose Services choose their forwarding under any dispatch (cilium/cilium issue 37659, PR 45545). */
const ANNOTATED_SINCE = 20;

/**
 * What the agent refuses to start with (daemon/cmd/kube_proxy_replacement.go,
 * initKubeProxyReplacementOptions; pkg/loadbalancer/config.go, NewConfig).
 */
export function contradictions(
  values: Values,
  minor: number,
): readonly Contradiction[] {
  const { kubeProxyReplacement, socketLB, loadBalancer, bpf } = values;
  const found: Contradiction[] = [];
  const refuse = (path: readonly string[], message: string) =>
    found.push({ path, message });
  if (socketLB.enabled === false && kubeProxyReplacement) {
    refuse(
      ["socketLB", "enabled"],
      "kubeProxyReplacement needs the socket load balancer",
    );
  }
  const { mode, acceleration } = loadBalancer;
  if (mode !== "snat" && !kubeProxyReplacement) {
    refuse(
      ["loadBalancer", "mode"],
      `mode ${mode} needs kubeProxyReplacement: true`,
    );
  }
  if (acceleration !== "disabled" && !kubeProxyReplacement) {
    refuse(
      ["loadBalancer", "acceleration"],
      `acceleration ${acceleration} needs kubeProxyReplacement: true`,
    );
  }
  if (bpf.lbModeAnnotation && mode === "hybrid") {
    refuse(
      ["loadBalancer", "mode"],
      "mode hybrid cannot be what annotations depart from",
    );
  }
  if (mode !== "snat" || bpf.lbModeAnnotation) {
    const message = dispatchProblem(values, minor);
    if (message !== null) refuse(["loadBalancer", "dsrDispatch"], message);
  }
  if (values.enableRemoteNodeMasquerade && !bpf.masquerade) {
    refuse(
      ["enableRemoteNodeMasquerade"],
      "remote node masquerade needs bpf.masquerade: true",
    );
  }
  return found;
}

/** Why direct server return cannot be dispatched as asked; null when it can. */
function dispatchProblem(
  { loadBalancer, bpf, routingMode, tunnelProtocol }: Values,
  minor: number,
): string | null {
  const { mode, dsrDispatch: dispatch, acceleration } = loadBalancer;
  const tunnel = routingMode === "tunnel";
  if (bpf.lbModeAnnotation && dispatch !== "ipip" && minor < ANNOTATED_SINCE) {
    return "forwarding by annotation needs dispatch ipip";
  }
  if (dispatch === "ipip" && mode === "hybrid") {
    return "mode hybrid knows dispatch opt and geneve";
  }
  if (dispatch === "ipip" && acceleration === "disabled") {
    return "dispatch ipip needs XDP acceleration";
  }
  if (tunnel && tunnelProtocol !== "geneve") {
    return `mode ${mode} cannot be used with a ${tunnelProtocol} tunnel`;
  }
  if (tunnel && dispatch !== "geneve") {
    return `dispatch ${dispatch} cannot be used with a tunnel, geneve can`;
  }
  return dispatch === "geneve" && tunnelProtocol !== "geneve"
    ? "dispatch geneve needs tunnelProtocol: geneve"
    : null;
}
