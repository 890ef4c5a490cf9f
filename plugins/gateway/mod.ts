import { definePlugin } from "../../core/replay/plugin.ts";
import type { Handled, HookContext } from "../../core/replay/plugin.ts";
import { PRIORITY } from "../../core/replay/hook.ts";
import type { Place } from "../../core/replay/flow.ts";
import type { Rule } from "../../core/source.ts";
import { type Packet, PROTOCOL } from "../../core/packet/packet.ts";
import { compile } from "./compile.ts";
import { MODELS } from "./models.ts";
import { GATEWAY_OPTIONS } from "./options.ts";
import { portKey, type Ports } from "./placement.ts";
import { makeProxy } from "./proxy.ts";
import { evolve, type GatewayState, KINDS } from "./state.ts";

/**
 * Gateway API and Ingress: proxies at the edge that route requests by host,
 * path, method, headers and query, as one implementation or another does.
 */
export default definePlugin({
  manifest: {
    name: "gateway",
    version: "0.1.0",
    apiVersion: "v1",
    consumes: ["policy.applied", "policy.deleted"],
    kinds: Object.entries(KINDS).map(([kind, group]) => `${group}/${kind}`),
    hooks: {
      // A proxy's process is behind whatever filters the pod has.
      proxyPod: { hook: "pod-in", priority: 1_000 },
      proxyHost: { hook: "input", priority: 1_000 },
      // Addresses without a pod behind them are taken before a Service proxy
      // could translate or refuse them: as packets come from the wire, and
      // otherwise before destination NAT.
      fromWire: { hook: "from-wire", priority: -100 },
      fromHere: {
        hook: "prerouting",
        priority: PRIORITY.destinationNat - 1,
      },
      fromNode: { hook: "output", priority: PRIORITY.destinationNat - 1 },
    },
    scope: "flow",
    models: MODELS,
  },
  options: GATEWAY_OPTIONS,
  initialState: (): GatewayState => ({ objects: {} }),
  evolve,
  compile,
  attach({ placement }, node) {
    const hosts = placement.hosts.get(node.name) ?? [];
    const atAddress = (packet: Packet, context: HookContext): Handled => {
      const address = placement.addresses.get(packet.destination.text);
      if (address === undefined) return undefined;
      return intercept(packet, context, {
        ports: address.ports,
        place: { kind: "node", name: node.name },
      }) ?? refuse(packet, context, address.refusal);
    };
    return {
      proxyPod(packet, context) {
        const { pod } = context;
        if (pod === null) return undefined;
        const { namespace, name } = pod;
        return intercept(packet, context, {
          ports: placement.pods.get(`${namespace}/${name}`),
          place: { kind: "pod", namespace, name },
        });
      },
      ...(hosts.length === 0 ? {} : {
        proxyHost(packet, context) {
          const host = hosts.find(({ pod, ports }) =>
            ports.has(keyOf(packet) ?? "") &&
            pod.ips.some((ip) => ip.equals(packet.destination))
          );
          return host && intercept(packet, context, {
            ports: host.ports,
            place: {
              kind: "pod",
              namespace: host.pod.namespace,
              name: host.pod.name,
            },
          });
        },
      }),
      ...(placement.addresses.size === 0 ? {} : {
        fromWire: atAddress,
        fromHere: atAddress,
        fromNode: atAddress,
      }),
    };
  },
});

function intercept(
  packet: Packet,
  context: HookContext,
  { ports, place }: { ports: Ports | undefined; place: Place },
): Handled {
  if (ports === undefined || context.direction === "reply") return undefined;
  const key = keyOf(packet);
  const program = key === undefined ? undefined : ports.get(key);
  if (program === undefined) return undefined;
  return {
    kind: "proxy",
    proxy: makeProxy(program, place),
    rule: program.rule,
  };
}

/** An address of its own answers on the ports of its listeners alone. */
function refuse(
  { protocol }: Packet,
  { direction }: HookContext,
  rule: Rule | null,
): Handled {
  if (rule === null || direction === "reply") return undefined;
  const tcp = protocol === PROTOCOL.tcp;
  if (!tcp && protocol !== PROTOCOL.udp) return undefined;
  return {
    kind: "reject",
    with: tcp ? "tcp-reset" : "icmp-unreachable",
    reason: "no listener",
    rule,
  };
}

function keyOf(packet: Packet): string | undefined {
  switch (packet.protocol) {
    case PROTOCOL.tcp:
      return portKey("tcp", packet.destinationPort);
    case PROTOCOL.udp:
      return portKey("udp", packet.destinationPort);
    default:
      return undefined;
  }
}
