import { istioAuthzBuilder } from "./_istio_authz.ts";
import { istioSecurity } from "./_istio_security.ts";
import { istioSimulation } from "./_istio_simulation.ts";
import { ciliumConnectivity } from "./cilium.ts";
import { ciliumDocumented } from "./cilium_documented.ts";
import { ciliumLb } from "./cilium_lb.ts";
import { ciliumPolicyMap } from "./cilium_policymap.ts";
import { clusterNetworkPolicy } from "./cluster_network_policy.ts";
import { gatewayApi } from "./gateway_api.ts";
import { ingress } from "./ingress.ts";
import { kubeProxySuite } from "./kube_proxy.ts";
import { netfilterSuite } from "./netfilter.ts";
import { cyclonus } from "./network_policy.ts";
import { npGuard } from "./np_guard.ts";
import { routerCheck } from "./router_check.ts";
import type { Suite } from "./suite.ts";
import { ztunnel } from "./ztunnel.ts";

/** Every suite that the runner knows, in the order it prints them. */
export const SUITES: readonly Suite[] = [
  cyclonus,
  npGuard,
  clusterNetworkPolicy,
  ciliumConnectivity,
  ciliumDocumented,
  ciliumPolicyMap,
  ciliumLb,
  kubeProxySuite,
  netfilterSuite,
  gatewayApi,
  ingress,
  istioSimulation,
  istioSecurity,
  istioAuthzBuilder,
  ztunnel,
  routerCheck,
];
