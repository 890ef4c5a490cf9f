import type { ProgrammedPart, Writes } from "../../core/replay/sync.ts";
import type { RuleTable } from "../../core/import/iptables_rules.ts";
import { portKey, type ProxiedPort } from "./proxied_ports.ts";

/** Gathers what one kube-proxy has programmed, in parts that it writes whole. */
export class ProgrammedParts {
  readonly parts = new Map<string, ProgrammedPart>();

  /** What a Service port has of its own: written again once its Service or its endpoints have changed. */
  port(proxied: ProxiedPort, written: Writes): void {
    const version = portVersion(proxied);
    this.parts.set(`port ${portKey(proxied)}`, { version, written });
  }

  /** Something that is added, and deleted, by itself, such as an element of a set. */
  entry(
    key: string,
    { kind, version = "", within }: {
      readonly kind: "elements" | "servers" | "addresses";
      readonly version?: string;
      /** The entry that takes it along. */
      readonly within?: string;
    },
  ): void {
    const one = { [kind]: 1 };
    this.parts.set(key, {
      version,
      written: one,
      removed: one,
      ...(within === undefined ? {} : { within }),
    });
  }
}

/** How many rules chains have. */
export function ruleCount(
  chains: ReadonlyMap<string, readonly unknown[]>,
): number {
  let count = 0;
  for (const rules of chains.values()) count += rules.length;
  return count;
}

/**
 * The rules of tables that kube-proxy writes by iptables-restore: its own
 * chains. Its jumps in base chains it puts there once, one by one.
 */
export function restoredRules(tables: readonly RuleTable[]): number {
  let count = 0;
  for (const { chains } of tables) {
    for (const { policy, rules } of chains) {
      if (policy === null) count += rules.length;
    }
  }
  return count;
}

/** All that kube-proxy looks at to see a change (pkg/proxy/servicechangetracker.go, endpointschangetracker.go). */
function portVersion({ service, port, clusterIp, endpoints }: ProxiedPort) {
  return JSON.stringify([
    clusterIp.text,
    port.port,
    port.nodePort,
    service.type,
    service.externalIps.map(({ text }) => text),
    service.loadBalancerIps.map(({ ip, mode }) => [ip.text, mode]),
    service.loadBalancerSourceRanges.map(({ text }) => text),
    service.affinityTimeoutS,
    service.internalTrafficPolicy,
    service.externalTrafficPolicy,
    service.healthCheckNodePort,
    service.trafficDistribution,
    service.annotations["service.kubernetes.io/topology-aware-hints"],
    service.annotations["service.kubernetes.io/topology-mode"],
    endpoints.map((one) => [
      one.ip.text,
      one.port,
      one.ready,
      one.serving,
      one.terminating,
      one.node,
      one.zoneHints,
    ]),
  ]);
}
