import { MAGLEV_DEFAULTS } from "./maglev.ts";

/** What of the agent's configuration decides the load-balancing maps. */
export interface LbConfig {
  /** The node the agent runs on. */
  readonly node: string;
  readonly nodeLabels: Readonly<Record<string, string>>;
  /** The zone of the node, for services that prefer near endpoints. */
  readonly zone: string | null;
  /** `fixedZoneMapping`: the numbers that zones have in the backends map; others are 0. */
  readonly zoneNumbers: Readonly<Record<string, number>>;
  readonly kubeProxyReplacement: boolean;
  /** Packets between nodes travel in a tunnel, so external addresses of services are kept even beside kube-proxy. */
  readonly tunnel: boolean;
  readonly algorithm: "random" | "maglev";
  /** Whether annotations of a Service choose its algorithm and forwarding. */
  readonly algorithmAnnotation: boolean;
  readonly modeAnnotation: boolean;
  readonly mode: "snat" | "dsr" | "hybrid";
  readonly externalClusterIp: boolean;
  readonly sourceRangeAllTypes: boolean;
  readonly serviceTopology: boolean;
  readonly maglev: { readonly size: number; readonly seed: string };
  /** Entries of each map (`bpf.lbMapMax`). */
  readonly maxEntries: number;
}

/** An agent without kube-proxy beside it, all else as it comes. */
export const LB_DEFAULTS: LbConfig = {
  node: "",
  nodeLabels: {},
  zone: null,
  zoneNumbers: {},
  kubeProxyReplacement: true,
  tunnel: false,
  algorithm: "random",
  algorithmAnnotation: false,
  modeAnnotation: false,
  mode: "snat",
  externalClusterIp: false,
  sourceRangeAllTypes: false,
  serviceTopology: false,
  maglev: MAGLEV_DEFAULTS,
  maxEntries: 65_536,
};
