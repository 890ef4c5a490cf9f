/** Who takes part in a case of Istio's security tests, as its templates name them. */
export interface Roles {
  /** The server: `b` of a namespace. */
  readonly to: App;
  readonly allowed: App;
  readonly denied: App;
}

/** One echo server of the tests: a pod and a Service of one name. */
export interface App {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
}

/** Ports of the echo servers (istio/istio pkg/test/framework/components/echo/common/ports/ports.go). */
export const PORTS: Readonly<
  Record<string, { readonly service: number; readonly workload: number }>
> = {
  http: { service: 80, workload: 18080 },
  http2: { service: 85, workload: 18085 },
  https: { service: 443, workload: 18443 },
  tcp: { service: 9090, workload: 19090 },
  grpc: { service: 7070, workload: 17070 },
};

/** A template with its fields filled in, or null when it has one that is not known. */
export function render(template: string, roles: Roles): string | null {
  const { to, allowed, denied } = roles;
  const fields: Readonly<Record<string, string>> = {
    ".To.ServiceName": to.name,
    ".To.NamespaceName": to.namespace,
    ".To.ClusterLocalFQDN": fullName(to),
    ".To.Config.Namespace.Prefix": to.namespace,
    ".Namespace.Prefix": to.namespace,
    ".To.MustWorkloads.Addresses | toJson": JSON.stringify([to.ip]),
    ".Allowed.MustWorkloads.Addresses | toJson": JSON.stringify([allowed.ip]),
    ".Denied.MustWorkloads.Addresses | toJson": JSON.stringify([denied.ip]),
    ".Allowed.SpiffeIdentity": identity(allowed),
    ".Denied.SpiffeIdentity": identity(denied),
    ".Allowed.NamespacedName": `${allowed.namespace}/${allowed.name}`,
    ".Allowed.NamespaceName": allowed.namespace,
    ".Denied.NamespaceName": denied.namespace,
  };
  let complete = true;
  const text = template.replace(/\{\{-?\s*([^}]*?)\s*-?\}\}/g, (_, field) => {
    const port = /^\( ?\.To\.PortForName `(\w+)` ?\)\.(Workload|Service)Port$/
      .exec(String(field).trim());
    const value = port === null
      ? fields[String(field)]
      : `${PORTS[port[1]!]?.[port[2] === "Workload" ? "workload" : "service"]}`;
    complete &&= value !== undefined;
    return value ?? "";
  });
  return complete ? text : null;
}

/** Objects without a namespace are applied to that of the server, those of the system to the root's. */
export function placed(document: string, namespace: string): string {
  return /^ {2}namespace:/m.test(document)
    ? document
    : document.replace(/^metadata:/m, `metadata:\n  namespace: ${namespace}`);
}

function identity(app: App): string {
  return `cluster.local/ns/${app.namespace}/sa/${app.name}`;
}

function fullName(app: App): string {
  return `${app.name}.${app.namespace}.svc.cluster.local`;
}
