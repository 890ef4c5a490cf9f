import type { Cidr } from "../../../../core/packet/ip.ts";
import { compareText } from "../../../../core/policy/compare_text.ts";
import { ALGORITHM_NUMBER, unionOfMaster } from "../lb_layouts.ts";
import type { MapErrno } from "../bpf_map.ts";
import { IdAllocator } from "./id_allocator.ts";
import { addressText, type LbAddress } from "./lb_address.ts";
import type { LbConfig } from "./lb_config.ts";
import type { LbBackend, LbFrontend } from "./lb_frontend.ts";
import { BACKEND_STATES, LbMaps } from "./lb_maps.ts";
import { maglevTable } from "./maglev.ts";
import { inSlotOrder } from "./select_backends.ts";
import { type FlagParts, serviceFlags } from "./service_flags.ts";

/** What the writer remembers of a backend in the map. */
interface KeptBackend {
  readonly address: LbAddress;
  readonly id: number;
  /** Frontends that have it. */
  users: number;
}

/** How many backends of a frontend are in which state. */
interface Counts {
  active: number;
  terminating: number;
  inactive: number;
}

/** The most service ids: they are 16 bits wide (firstFreeServiceID, maxSetOfServiceID). */
const MOST_SERVICES = 0xffff;
const MOST_BACKENDS = 0xffffffff;

/** Why an update could not be finished. */
export type WriteProblem = MapErrno | "no id is free";

/**
 * Writes frontends into the maps, step by step as the agent's reconciler does
 * (pkg/loadbalancer/reconciler, BPFOps): ids in the order of need, backends
 * shared between frontends and dropped with their last.
 */
export class LbWriter {
  readonly maps: LbMaps;
  readonly #config: LbConfig;
  readonly #services = new IdAllocator(MOST_SERVICES);
  readonly #backendIds = new IdAllocator(MOST_BACKENDS);
  /** By address. */
  readonly #backends = new Map<string, KeptBackend>();
  /** Backends of each frontend, by address. */
  readonly #used = new Map<string, ReadonlySet<string>>();
  readonly #ranges = new Map<string, ReadonlyMap<string, Cidr>>();
  readonly #problems = new Set<WriteProblem>();

  /** Starts with empty maps. */
  constructor(config: LbConfig) {
    this.#config = config;
    this.maps = new LbMaps(config);
  }

  /** The id of a frontend that has been written. */
  idOf(address: LbAddress): number | undefined {
    return this.#services.find(addressText(address));
  }

  /** Writes a frontend, or takes it out when the datapath is to have none of its kind. */
  update(frontend: LbFrontend): readonly WriteProblem[] {
    this.#problems.clear();
    if (this.#isCandidate(frontend)) this.#write(frontend);
    else this.delete(frontend);
    return [...this.#problems];
  }

  /** Takes a frontend out with all that is its own. */
  delete(frontend: LbFrontend): void {
    const { address } = frontend;
    const at = addressText(address);
    const id = this.#services.find(at);
    if (id === undefined) return;
    const { family } = address.ip;
    if (this.#usesMaglev(frontend)) this.maps.deleteMaglev(family, id);
    const used = this.#used.get(at) ?? new Set();
    for (const one of used) {
      const backend = this.#backends.get(one);
      if (backend !== undefined) this.maps.deleteAffinityMatch(id, backend.id);
    }
    this.#dropOrphans(id, used);
    for (let slot = 0; slot <= used.size; slot++) {
      this.maps.deleteService(address, slot);
    }
    this.maps.deleteReverseNat(family, id);
    for (const range of this.#ranges.get(at)?.values() ?? []) {
      this.maps.deleteSourceRange(id, range);
    }
    this.#ranges.delete(at);
    this.#countUsers(at, new Set());
    this.#used.delete(at);
    this.#services.release(at);
  }

  #write(frontend: LbFrontend): void {
    const { address } = frontend;
    const at = addressText(address);
    const id = this.#services.acquire(at);
    if (id === undefined) {
      this.#problems.add("no id is free");
      return;
    }
    const backends = inSlotOrder(frontend.backends);
    const texts = new Set(backends.map((one) => addressText(one.address)));
    const before = this.#used.get(at) ?? new Set();
    this.#dropOrphans(
      id,
      new Set([...before].filter((one) => !texts.has(one))),
    );
    const counts = this.#writeSlots(frontend, { id, backends });
    const slots = counts.active + counts.terminating + counts.inactive;
    // Terminating backends serve when nothing else does (KEP-1669).
    const active = counts.active === 0 ? counts.terminating : counts.active;
    const inactive = slots - active;
    if (this.#usesMaglev(frontend)) {
      this.#writeMaglev(frontend, { id, backends: backends.slice(0, active) });
    }
    this.#writeRanges(frontend, id);
    this.#note(this.maps.putReverseNat(id, address));
    this.#writeMaster(frontend, { id, active, inactive });
    for (let slot = slots + 1; slot <= before.size; slot++) {
      this.maps.deleteService(address, slot);
    }
    this.#countUsers(at, texts);
    this.#used.set(at, texts);
  }

  #writeSlots(
    frontend: LbFrontend,
    { id, backends }: {
      readonly id: number;
      readonly backends: readonly LbBackend[];
    },
  ): Counts {
    const counts = { active: 0, terminating: 0, inactive: 0 };
    let slot = 0;
    for (const backend of backends) {
      const backendId = this.#writeBackend(backend);
      if (backendId === undefined || backend.state === "maintenance") continue;
      const state = backend.unhealthy ? "quarantined" : backend.state;
      const quarantined = state === "quarantined";
      this.#note(this.maps.putService(frontend.address, ++slot, {
        backend_id: backendId,
        count: 0,
        qcount: 0,
        rev_nat_index: id,
        flags: serviceFlags({
          ...this.#flagParts(frontend),
          sourceRange: false,
          sourceRangeDeny: false,
          quarantined,
        }),
      }));
      const { affinityTimeoutS } = frontend.service;
      if (affinityTimeoutS !== null && backend.state === "active") {
        this.#note(this.maps.putAffinityMatch(id, backendId));
      } else this.maps.deleteAffinityMatch(id, backendId);
      if (state === "active") counts.active++;
      else if (state === "terminating") counts.terminating++;
      else counts.inactive++;
    }
    return counts;
  }

  #writeBackend(backend: LbBackend): number | undefined {
    const at = addressText(backend.address);
    const id = this.#backendIds.acquire(at);
    if (id === undefined) {
      this.#problems.add("no id is free");
      return undefined;
    }
    const state = backend.state === "terminating-not-serving"
      ? "terminating"
      : backend.state;
    this.#note(this.maps.putBackend(id, backend.address, {
      state: BACKEND_STATES.indexOf(state),
      zone: this.#config.zoneNumbers[backend.zone ?? ""] ?? 0,
    }));
    if (!this.#backends.has(at)) {
      this.#backends.set(at, { address: backend.address, id, users: 0 });
    }
    return id;
  }

  #writeMaster(
    frontend: LbFrontend,
    { id, active, inactive }: {
      readonly id: number;
      readonly active: number;
      readonly inactive: number;
    },
  ): void {
    const algorithm = ALGORITHM_NUMBER[this.#algorithm(frontend) ?? "undef"];
    const affinityTimeoutS = frontend.service.affinityTimeoutS ?? 0;
    this.#note(this.maps.putService(frontend.address, 0, {
      backend_id: unionOfMaster({ algorithm, affinityTimeoutS }),
      count: active,
      qcount: inactive,
      rev_nat_index: id,
      flags: serviceFlags(this.#flagParts(frontend)),
    }));
  }

  #writeMaglev(
    { address }: LbFrontend,
    { id, backends }: {
      readonly id: number;
      readonly backends: readonly LbBackend[];
    },
  ): void {
    const { family } = address.ip;
    if (backends.length === 0) {
      this.maps.deleteMaglev(family, id);
      return;
    }
    const members = backends.map((one) => ({
      id: this.#backendIds.find(addressText(one.address))!,
      address: one.address,
      weight: one.weight,
    }));
    const table = maglevTable(members, this.#config.maglev);
    this.#note(this.maps.putMaglev(family, id, table));
  }

  /** Ranges of every kind of frontend are in the map; the flag says whether they are looked at. */
  #writeRanges({ address, service }: LbFrontend, id: number): void {
    const at = addressText(address);
    const ranges = new Map(
      service.sourceRanges
        .filter(({ base }) => base.family === address.ip.family)
        .map((range) => [range.text, range]),
    );
    for (const range of ranges.values()) {
      this.#note(this.maps.putSourceRange(id, range));
    }
    for (const [text, range] of this.#ranges.get(at) ?? []) {
      if (!ranges.has(text)) this.maps.deleteSourceRange(id, range);
    }
    this.#ranges.set(at, ranges);
  }

  #flagParts({ type, address, service, redirectTo }: LbFrontend): FlagParts {
    const config = this.#config;
    const shown = redirectTo === null ? type : "LocalRedirect";
    const ranged = service.sourceRanges.length > 0 &&
      (shown === "LoadBalancer" || config.sourceRangeAllTypes);
    const mode = config.mode === "hybrid"
      ? address.protocol === "TCP" ? "dsr" : "snat"
      : config.mode;
    const annotated = config.modeAnnotation ? service.forwarding : null;
    return {
      type: shown,
      externalLocal: service.externalLocal,
      internalLocal: service.internalLocal,
      affinity: service.affinityTimeoutS !== null,
      routable: !isUnspecified(address) &&
        (shown !== "ClusterIP" || config.externalClusterIp),
      sourceRange: ranged,
      sourceRangeDeny: ranged && service.sourceRangesDeny,
      dsr: (annotated ?? mode) === "dsr",
      quarantined: false,
    };
  }

  #algorithm({ service }: LbFrontend): "random" | "maglev" | null {
    return this.#config.algorithmAnnotation ? service.algorithm : null;
  }

  /** Only what can be reached from off the node has a table. */
  #usesMaglev(frontend: LbFrontend): boolean {
    if (isUnspecified(frontend.address)) return false;
    const own = this.#algorithm(frontend);
    if (own !== null) return own === "maglev";
    if (this.#config.algorithm !== "maglev") return false;
    if (frontend.type === "ClusterIP") return this.#config.externalClusterIp;
    return frontend.type !== "LocalRedirect";
  }

  /** Beside kube-proxy the datapath has only what pods need (isDatapathCandidate). */
  #isCandidate({ type }: LbFrontend): boolean {
    const { kubeProxyReplacement, tunnel } = this.#config;
    if (kubeProxyReplacement) return true;
    if (type === "LoadBalancer") return tunnel;
    return type === "ClusterIP" || type === "LocalRedirect" ||
      type === "ExternalIPs";
  }

  /**
   * Of the backends that a frontend gives up, those nobody else has go away,
   * and with them alone its affinity to them: the agent leaves the match of a
   * backend that another frontend still has.
   */
  #dropOrphans(id: number, given: ReadonlySet<string>): void {
    for (const at of [...given].sort(compareText)) {
      const backend = this.#backends.get(at);
      if (backend === undefined || backend.users > 1) continue;
      this.maps.deleteBackend(backend.address.ip.family, backend.id);
      this.maps.deleteAffinityMatch(id, backend.id);
      this.#backends.delete(at);
      this.#backendIds.release(at);
    }
  }

  #countUsers(at: string, now: ReadonlySet<string>): void {
    const before = this.#used.get(at) ?? new Set();
    for (const one of before) {
      const backend = this.#backends.get(one);
      if (!now.has(one) && backend !== undefined) backend.users--;
    }
    for (const one of now) {
      const backend = this.#backends.get(one);
      if (!before.has(one) && backend !== undefined) backend.users++;
    }
  }

  #note(refused: MapErrno | undefined): void {
    if (refused !== undefined) this.#problems.add(refused);
  }
}

function isUnspecified({ ip }: LbAddress): boolean {
  return ip.text === "0.0.0.0" || ip.text === "::";
}
