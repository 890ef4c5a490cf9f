import type { Cidr } from "../../core/packet/ip.ts";
import type { LocalDetector } from "./local_detector.ts";

/** How kube-proxy runs on a node, in one family. */
export interface KubeProxySettings {
  readonly family: 4 | 6;
  /** Tells the cluster's own pods from other senders; null: it cannot. */
  readonly localDetector: LocalDetector | null;
  readonly masqueradeAll: boolean;
  readonly masqueradeMark: number;
  readonly localhostNodePorts: boolean;
  /** Ranges of node addresses that serve node ports; null: all addresses. */
  readonly nodePortAddresses: readonly Cidr[] | null;
  /** MASQUERADE takes a random port, where iptables knows how. */
  readonly randomFully: boolean;
}
