import type { Pod } from "../../core/cluster/model.ts";
import { Ip } from "../../core/packet/ip.ts";

/** A pod as the API serves it, as far as load balancing looks. */
export interface ApiPod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly {
      readonly ports?: readonly {
        readonly name?: string;
        readonly containerPort: number;
        readonly protocol?: "TCP" | "UDP" | "SCTP";
        readonly hostPort?: number;
      }[];
    }[];
  };
  readonly status: {
    readonly phase?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
    }[];
  };
}

/** The pod as the core has it. */
export function podOf({ metadata, spec, status }: ApiPod): Pod {
  const running = status.phase === undefined || status.phase === "Running";
  const ready =
    status.conditions?.some(({ type, status }) =>
      type === "Ready" && status === "True"
    ) ?? false;
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    labels: metadata.labels ?? {},
    annotations: {},
    source: { file: "case", line: 1, column: 1 },
    ips: (status.podIPs ?? []).map(({ ip }) => Ip.of(ip)),
    node: spec.nodeName ?? "",
    hostNetwork: false,
    ports: spec.containers.flatMap(({ ports = [] }) =>
      ports.map((port) => ({
        name: port.name ?? null,
        port: port.containerPort,
        protocol: port.protocol ?? "TCP",
        hostPort: port.hostPort ?? null,
        hostIp: null,
      }))
    ),
    serviceAccount: "default",
    workload: { kind: "Pod", name: metadata.name },
    ready,
    terminating: false,
    running,
    containers: [],
  };
}
