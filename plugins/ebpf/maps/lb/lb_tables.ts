import type {
  EndpointSlice,
  Pod,
  Service,
} from "../../../../core/cluster/model.ts";
import type { Ip } from "../../../../core/packet/ip.ts";
import { compareText } from "../../../../core/policy/compare_text.ts";
import { hostPortPrefix, hostPortServices } from "./host_ports.ts";
import { addressKey, type LbAddress } from "./lb_address.ts";
import type { LbConfig } from "./lb_config.ts";
import {
  type LbBackend,
  type LbFrontend,
  type LbService,
  lbServiceOf,
  PLAIN_SERVICE,
} from "./lb_frontend.ts";
import { LbWriter, type WriteProblem } from "./lb_writer.ts";
import {
  hasRedirectPods,
  type LocalRedirect,
  redirectBackends,
  redirects,
} from "./local_redirect.ts";
import { selectBackends } from "./select_backends.ts";
import {
  ANY_ADDRESS,
  frontendsOf,
  type FrontendWish,
} from "./service_frontends.ts";
import { sliceBackends } from "./slice_backends.ts";

/** An address of the node. */
export interface NodeAddress {
  readonly ip: Ip;
  /** Whether node ports are open on it. */
  readonly nodePort: boolean;
}

/** A frontend and what became of it. */
export interface FrontendRow extends LbFrontend {
  readonly status: "Pending" | "Done" | "Error";
  readonly problems: readonly WriteProblem[];
}

/**
 * The agent's tables of services, frontends and backends on one node
 * (pkg/loadbalancer/writer), and the way from them into the maps. Changes
 * gather until {@link LbTables.commit}; what is written then, and with which
 * ids, depends on their order as it does in the agent.
 */
export class LbTables {
  #config: LbConfig;
  readonly #writer: LbWriter;
  readonly #services = new Map<string, LbService>();
  /** By key of their address. */
  readonly #frontends = new Map<string, FrontendRow>();
  /** By service, then by key of their address. */
  readonly #backends = new Map<string, Map<string, LbBackend>>();
  /** Slices by their own key, and their keys by service. */
  readonly #slices = new Map<string, EndpointSlice>();
  readonly #slicesOf = new Map<string, Set<string>>();
  /** Keys of frontends by service. */
  readonly #frontendsOf = new Map<string, Set<string>>();
  readonly #pods = new Map<string, Pod>();
  /** Services of pods' host ports, by how their names begin. */
  readonly #hostPorts = new Map<string, ReadonlySet<string>>();
  readonly #redirects = new Map<string, LocalRedirect>();
  #nodeAddresses: readonly NodeAddress[] = [];
  /** Node addresses that a wildcard frontend was written for, by its key. */
  readonly #expanded = new Map<string, readonly Ip[]>();
  /** Keys of frontends to be written or, where gone, taken out, in order. */
  readonly #pending = new Map<string, LbFrontend | null>();

  /** Empty tables and maps. */
  constructor(config: LbConfig) {
    this.#config = config;
    this.#writer = new LbWriter(config);
  }

  /** The maps, as of the last commit. */
  get maps() {
    return this.#writer.maps;
  }

  /** Services by name. */
  get services(): readonly LbService[] {
    return [...this.#services.values()]
      .sort((a, b) => compareText(a.name, b.name));
  }

  /** Frontends in the order of their addresses. */
  get frontends(): readonly FrontendRow[] {
    return [...this.#frontends]
      .sort(([a], [b]) => compareText(a, b))
      .map(([, row]) => row);
  }

  /** Backends in the order of their addresses, then of their services. */
  get backends(): readonly LbBackend[] {
    return [...this.#backends.values()]
      .flatMap((of) => [...of])
      .sort(([a, one], [b, other]) =>
        compareText(a, b) || compareText(one.service, other.service)
      )
      .map(([, backend]) => backend);
  }

  /** Redirects by name. */
  get redirects(): readonly LocalRedirect[] {
    return [...this.#redirects.values()]
      .sort((a, b) => compareText(a.name, b.name));
  }

  /** Adds a Service or changes it. */
  applyService(
    service: Service,
    { source = "k8s" }: { readonly source?: string } = {},
  ): void {
    const wishes = frontendsOf(service, this.#config);
    const one = lbServiceOf(service, { source });
    if (wishes === null) this.#dropService(one.name);
    else this.#setService(one, wishes);
    this.#applyRedirects();
  }

  deleteService(name: string): void {
    this.#dropService(name);
    this.#applyRedirects();
  }

  /** Adds an EndpointSlice or changes it. */
  applySlice(slice: EndpointSlice): void {
    const key = `${slice.namespace}/${slice.name}`;
    const service = serviceOf(slice);
    const before = this.#slices.get(key);
    if (before !== undefined && serviceOf(before) !== service) {
      this.deleteSlice(key);
    }
    this.#slices.set(key, slice);
    addTo(this.#slicesOf, service, key);
    this.#readSlices(service);
  }

  deleteSlice(key: string): void {
    const slice = this.#slices.get(key);
    if (slice === undefined) return;
    this.#slices.delete(key);
    this.#slicesOf.get(serviceOf(slice))?.delete(key);
    this.#readSlices(serviceOf(slice));
  }

  /** Sets what is behind a service, for callers that have no slices. */
  setBackends(service: string, backends: readonly LbBackend[]): void {
    const before = this.#backends.get(service);
    const now = new Map(backends.map((one) => {
      const key = addressKey(one.address);
      const unhealthy = before?.get(key)?.unhealthy ?? one.unhealthy;
      return [key, { ...one, unhealthy }];
    }));
    if (now.size === 0) this.#backends.delete(service);
    else this.#backends.set(service, now);
    this.#refresh(service);
  }

  /** What a health checker found of a backend of a service. */
  setHealth(service: string, address: LbAddress, healthy: boolean): void {
    const of = this.#backends.get(service);
    const key = addressKey(address);
    const backend = of?.get(key);
    if (of === undefined || backend === undefined) return;
    of.set(key, { ...backend, unhealthy: !healthy });
    this.#refresh(service);
  }

  /** Adds a pod of this node or changes it; redirects and host ports come of it. */
  applyPod(
    pod: Pod,
    { uid }: { readonly uid?: string | undefined } = {},
  ): void {
    this.#pods.set(`${pod.namespace}/${pod.name}`, pod);
    this.#applyRedirects();
    this.#applyHostPorts(pod, uid);
  }

  deletePod(key: string): void {
    const pod = this.#pods.get(key);
    if (pod === undefined) return;
    this.#pods.delete(key);
    this.#applyRedirects();
    this.#applyHostPorts({ ...pod, ports: [] });
  }

  applyRedirect(redirect: LocalRedirect): void {
    this.#redirects.set(redirect.name, redirect);
    this.#applyRedirects();
  }

  deleteRedirect(name: string): void {
    const redirect = this.#redirects.get(name);
    if (redirect === undefined) return;
    for (const [key, row] of this.#rowsOf(redirect.target ?? "")) {
      if (row.redirectTo !== redirect.service) continue;
      this.#put(key, this.#filled({ ...row, redirectTo: null }));
    }
    this.#redirects.delete(name);
    this.#backends.delete(redirect.service);
    this.#dropService(redirect.service);
  }

  /** The addresses of the node; node ports are written for each that has them. */
  setNodeAddresses(addresses: readonly NodeAddress[]): void {
    this.#nodeAddresses = addresses;
    for (const [key, row] of this.#sorted()) {
      if (isWildcard(row)) this.#put(key, row);
    }
  }

  /** Counts for services that are applied from now on. */
  setNodeLabels(nodeLabels: Readonly<Record<string, string>>): void {
    this.#config = { ...this.#config, nodeLabels };
  }

  /** Writes all that has changed since the last time. */
  commit(): void {
    for (const [key, gone] of [...this.#pending]) {
      const row = this.#frontends.get(key);
      if (row === undefined) {
        if (gone !== null) this.#takeOut(key, gone);
        continue;
      }
      const problems = this.#writeOut(key, row);
      this.#frontends.set(key, {
        ...row,
        status: problems.length === 0 ? "Done" : "Error",
        problems,
      });
    }
    this.#pending.clear();
  }

  #writeOut(key: string, row: LbFrontend): readonly WriteProblem[] {
    const problems = [...this.#writer.update(row)];
    if (!isWildcard(row)) return problems;
    const now = this.#nodeAddresses
      .filter(({ ip, nodePort }) =>
        nodePort && ip.family === row.address.ip.family
      )
      .map(({ ip }) => ip)
      .filter((ip) => !this.#isTaken({ ...row.address, ip }));
    for (const ip of now) problems.push(...this.#writer.update(at(row, ip)));
    for (const ip of this.#expanded.get(key) ?? []) {
      if (!now.some((one) => one.equals(ip))) this.#writer.delete(at(row, ip));
    }
    this.#expanded.set(key, now);
    return problems;
  }

  #takeOut(key: string, row: LbFrontend): void {
    this.#writer.delete(row);
    for (const ip of this.#expanded.get(key) ?? []) {
      if (!this.#isTaken({ ...row.address, ip })) {
        this.#writer.delete(at(row, ip));
      }
    }
    this.#expanded.delete(key);
  }

  /** Whether a frontend of its own has the address (isPrimaryFrontend). */
  #isTaken(address: LbAddress): boolean {
    return this.#frontends.has(addressKey(address));
  }

  /** Frontends of a service are written in the order of their addresses. */
  #setService(service: LbService, wishes: readonly FrontendWish[]): void {
    this.#services.set(service.name, service);
    const wanted = new Map(
      wishes.map((wish) => [addressKey(wish.address), wish] as const),
    );
    for (const [key, row] of this.#rowsOf(service.name)) {
      if (!wanted.has(key)) this.#drop(key, row);
    }
    for (
      const [key, wish] of [...wanted].sort(([a], [b]) => compareText(a, b))
    ) {
      const there = this.#frontends.get(key);
      // An address that another service has stays with it (validateFrontends).
      if (there !== undefined && there.service.name !== service.name) continue;
      const redirectTo = there?.redirectTo ?? null;
      this.#put(key, this.#filled({ ...wish, service, redirectTo }));
    }
  }

  #dropService(name: string): void {
    this.#services.delete(name);
    for (const [key, row] of this.#rowsOf(name)) this.#drop(key, row);
  }

  #readSlices(service: string): void {
    const slices = [...this.#slicesOf.get(service) ?? []]
      .sort(compareText)
      .map((key) => this.#slices.get(key)!);
    this.setBackends(service, sliceBackends(service, slices));
  }

  /** Works out the backends of every frontend that a service stands behind. */
  #refresh(service: string): void {
    const targets = this.redirects
      .filter((one) => one.service === service && one.target !== null)
      .map(({ target }) => target!);
    for (const name of [service, ...targets]) {
      for (const [key, row] of this.#rowsOf(name)) {
        if ((row.redirectTo ?? row.service.name) === service) {
          this.#put(key, this.#filled(row));
        }
      }
    }
  }

  #filled(frontend: Omit<LbFrontend, "backends">): LbFrontend {
    const name = frontend.redirectTo ?? frontend.service.name;
    const all = [...this.#backends.get(name)?.values() ?? []];
    const backends = selectBackends(frontend, all, this.#config);
    const { type, address, service, portName, redirectTo } = frontend;
    return { type, address, service, portName, redirectTo, backends };
  }

  #applyRedirects(): void {
    const { redirects: known } = this;
    if (known.length === 0) return;
    const pods = [...this.#pods]
      .sort(([a], [b]) => compareText(a, b))
      .map(([, pod]) => pod);
    for (const redirect of known) {
      this.#applyOwn(redirect, pods);
      if (redirect.target !== null) this.#redirectTarget(redirect, pods);
    }
  }

  #redirectTarget(redirect: LocalRedirect, pods: readonly Pod[]): void {
    const there = hasRedirectPods(redirect, pods);
    for (const [key, row] of this.#rowsOf(redirect.target!)) {
      const to = there && redirects(redirect, row) ? redirect.service : null;
      // Another redirect of the same frontend keeps it.
      const other = row.redirectTo !== null &&
        row.redirectTo !== redirect.service;
      if (to === row.redirectTo || other) continue;
      this.#put(key, this.#filled({ ...row, redirectTo: to }));
    }
  }

  /** The pseudo-service of a redirect, its backends and its own addresses. */
  #applyOwn(redirect: LocalRedirect, pods: readonly Pod[]): void {
    const service = { ...PLAIN_SERVICE, name: redirect.service };
    if (!this.#services.has(service.name)) {
      this.#services.set(service.name, service);
    }
    const backends = redirectBackends(redirect, pods);
    if (!this.#hasBackends(redirect.service, backends)) {
      this.setBackends(redirect.service, backends);
    }
    const there = hasRedirectPods(redirect, pods);
    for (const { address, name } of redirect.addresses) {
      const key = addressKey(address);
      const row = this.#frontends.get(key);
      if (row === undefined && there) {
        this.#put(
          key,
          this.#filled({
            type: "LocalRedirect",
            address,
            service,
            portName: redirect.addresses.length > 1 ? name : null,
            redirectTo: null,
          }),
        );
      } else if (row?.service.name === redirect.service && !there) {
        this.#drop(key, row);
      }
    }
  }

  #hasBackends(service: string, backends: readonly LbBackend[]): boolean {
    const keys = [...this.#backends.get(service)?.keys() ?? []];
    return keys.length === backends.length &&
      backends.every((one) => keys.includes(addressKey(one.address)));
  }

  #applyHostPorts(pod: Pod, uid?: string): void {
    if (!this.#config.kubeProxyReplacement) return;
    const services = hostPortServices(pod, uid);
    for (const { service, backends, wishes } of services) {
      this.setBackends(service.name, backends);
      this.#setService(service, wishes);
    }
    const start = hostPortPrefix(pod);
    const wanted = new Set(services.map(({ service }) => service.name));
    for (const name of this.#hostPorts.get(start) ?? []) {
      if (wanted.has(name)) continue;
      this.#backends.delete(name);
      this.#dropService(name);
    }
    this.#hostPorts.set(start, wanted);
  }

  #sorted(): [string, FrontendRow][] {
    return [...this.#frontends].sort(([a], [b]) => compareText(a, b));
  }

  #rowsOf(service: string): [string, FrontendRow][] {
    return [...this.#frontendsOf.get(service) ?? []]
      .sort(compareText)
      .map((key) => [key, this.#frontends.get(key)!]);
  }

  #put(key: string, frontend: LbFrontend): void {
    this.#frontends.set(key, { ...frontend, status: "Pending", problems: [] });
    addTo(this.#frontendsOf, frontend.service.name, key);
    this.#pending.delete(key);
    this.#pending.set(key, null);
  }

  #drop(key: string, row: LbFrontend): void {
    this.#frontends.delete(key);
    this.#frontendsOf.get(row.service.name)?.delete(key);
    this.#pending.delete(key);
    this.#pending.set(key, row);
  }
}

function isWildcard({ type, address }: LbFrontend): boolean {
  return type === "NodePort" || type === "HostPort" &&
      address.ip.equals(ANY_ADDRESS[address.ip.family]);
}

function at(row: LbFrontend, ip: Ip): LbFrontend {
  return { ...row, address: { ...row.address, ip } };
}

function serviceOf({ namespace, service }: EndpointSlice): string {
  return `${namespace}/${service}`;
}

function addTo(
  sets: Map<string, Set<string>>,
  name: string,
  key: string,
): void {
  const set = sets.get(name);
  if (set === undefined) sets.set(name, new Set([key]));
  else set.add(key);
}
