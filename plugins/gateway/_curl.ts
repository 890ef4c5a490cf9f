import { runFlows } from "../../core/replay/testing.ts";
import gateway from "./mod.ts";

/** What tests ask of gateways: requests in short text, and their manifests. */
export interface CurlOptions {
  readonly manifests: string;
  readonly options?: Readonly<Record<string, unknown>>;
  /** `GET http://host/path`, headers after it as `name:value`; the method may be left out. */
  readonly requests: readonly string[];
  /** Port connected to; else that of the URL's scheme. */
  readonly port?: number;
}

/** Address of the Gateway `infra/edge` and of every Ingress of {@link ingress}. */
export const EDGE_ADDRESS = "203.0.113.80";

/**
 * Sends requests from outside to the edge address and says in short text what
 * came of each: the Service that got it and what it was asked, or the status,
 * with location or reason.
 */
export function curl(
  { manifests, options = {}, requests, port }: CurlOptions,
): readonly string[] {
  const addresses = {
    "infra/edge": EDGE_ADDRESS,
    "shop/a": EDGE_ADDRESS,
    "shop/b": EDGE_ADDRESS,
  };
  const results = runFlows({
    manifests: NODE + manifests,
    stack: [[gateway, { addresses, ...options }]],
    flows: requests.map((request) => {
      const [, method = "GET", url = "", rest = ""] =
        /^(?:([A-Z]+) )?(\S+)(.*)$/.exec(request) ?? [];
      const pairs = rest.trim().split(" ").filter((pair) => pair !== "");
      const secure = url.startsWith("https:");
      return {
        from: "ip/198.51.100.9",
        via: "n1",
        to: `tcp://${EDGE_ADDRESS}:${port ?? (secure ? 443 : 80)}`,
        http: {
          method,
          url,
          headers: Object.fromEntries(
            pairs.map((pair) => pair.split(":") as [string, string]),
          ),
        },
      };
    }),
  });
  return results.map(({ outcome }) => {
    if (outcome.verdict === "unknown") return `unknown: ${outcome.reason}`;
    const { http } = outcome;
    if (http === null) return `${outcome.verdict}: ${outcome.reason}`;
    if (http.location !== null) return `${http.status} to ${http.location}`;
    return outcome.receiver === null
      ? `${http.status} ${outcome.reason}`
      : `${outcome.receiver.replace(/^pod /, "")} ${http.request}`;
  });
}

/** Shares of the set that one request was picked from: `shop/web 1`. */
export function sharesOf(test: CurlOptions): readonly string[] {
  const [request] = test.requests;
  const addresses = { "infra/edge": EDGE_ADDRESS, "shop/a": EDGE_ADDRESS };
  const [result] = runFlows({
    manifests: NODE + test.manifests,
    stack: [[gateway, { addresses, ...test.options }]],
    flows: [{
      from: "ip/198.51.100.9",
      via: "n1",
      to: `tcp://${EDGE_ADDRESS}:80`,
      http: { url: request! },
    }],
  });
  return result!.outcome.backends.map(({ backend, weight }) =>
    `${backend} ${weight}`
  );
}

/** A Service of one pod for each name, `namespace/name`; addresses count from 10.0.0.1 on. */
export function services(...names: readonly string[]): string {
  return names.map((full, index) => {
    const [namespace, name] = full.split("/");
    const ip = `10.0.0.${index + 1}`;
    return `
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  clusterIP: 10.96.0.${index + 1}
  selector: { app: ${name} }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${namespace}, labels: { app: ${name} } }
spec: { nodeName: n1, containers: [{ name: c, image: c, ports: [{ containerPort: 8080 }] }] }
status: { podIP: ${ip}, podIPs: [{ ip: ${ip} }], phase: Running }
`;
  }).join("");
}

/** The Gateway `infra/edge`; by default with one HTTP listener that takes routes from everywhere. */
export function edge(
  listeners =
    "[{ name: http, port: 80, protocol: HTTP, allowedRoutes: { namespaces: { from: All } } }]",
): string {
  return `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: infra }
spec:
  gatewayClassName: any
  listeners: ${listeners}
`;
}

/** An HTTPRoute of namespace shop for the edge; rules as YAML in flow style. */
export function route(
  name: string,
  { rules, hostnames = "[]", parent = "{}", createdAt, namespace = "shop" }: {
    readonly rules: string;
    readonly hostnames?: string;
    /** More of the parentRef: `{ sectionName: http }`. */
    readonly parent?: string;
    readonly createdAt?: string;
    readonly namespace?: string;
  },
): string {
  const created = createdAt === undefined
    ? ""
    : `, creationTimestamp: "${createdAt}"`;
  return `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${namespace}${created} }
spec:
  parentRefs: [{ name: edge, namespace: infra, ${parent.slice(1, -1)} }]
  hostnames: ${hostnames}
  rules: ${rules}
`;
}

/** An Ingress of class nginx in namespace shop, `a` unless named. */
export function ingress(
  paths: readonly (readonly [path: string, type: string, service: string])[],
  { name = "a", host = "example.com", annotations = {}, more = "" }: {
    readonly name?: string;
    readonly host?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    /** More of the spec. */
    readonly more?: string;
  } = {},
): string {
  const written = Object.entries(annotations).map((
    [key, value],
  ) => [`nginx.ingress.kubernetes.io/${key}`, value]);
  return `
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: ${name}
  namespace: shop
  annotations: ${JSON.stringify(Object.fromEntries(written))}
spec:
  ingressClassName: nginx
  ${more}
  rules:
  - host: "${host}"
    http:
      paths:
${
    paths.map(([path, type, service]) =>
      `      - path: ${JSON.stringify(path)}
        pathType: ${type}
        backend: { service: { name: ${service}, port: { number: 80 } } }`
    ).join("\n")
  }
`;
}

const NODE = `
apiVersion: v1
kind: Node
metadata: { name: n1 }
spec: { podCIDR: 10.0.0.0/24 }
status: { addresses: [{ type: InternalIP, address: 172.18.0.2 }] }
`;
