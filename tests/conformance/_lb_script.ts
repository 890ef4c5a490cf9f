import { parseAll } from "@std/yaml";
import type { KubeObject } from "../../core/cluster/model.ts";
import { Ip } from "../../core/packet/ip.ts";
import { type LbConfig } from "../../plugins/ebpf/maps/lb/lb_config.ts";
import {
  LbTables,
  type NodeAddress,
} from "../../plugins/ebpf/maps/lb/lb_tables.ts";
import { readLocalRedirect } from "../../plugins/ebpf/maps/lb/local_redirect.ts";
import {
  type ApiService,
  type ApiSlice,
  serviceOf,
  sliceOf,
} from "./_kube_objects.ts";
import { type ApiPod, podOf } from "./_lb_pod.ts";
import { formatLbMaps } from "./_lb_maps_text.ts";
import {
  COLUMNS,
  formatTable,
  parseTable,
  rowsOf,
  type TableContext,
  type TableRow,
} from "./_lb_tables_text.ts";
import type { ScriptCommand } from "./_txtar.ts";

/** A command that is not known, so that the script cannot be judged. */
export class UnknownCommand extends Error {}

/** Runs the scripts of Cilium's load-balancing tests against the tables and maps of the plugin. */
export class LbScript {
  readonly #files: Map<string, string>;
  readonly #tables: LbTables;
  readonly #config: LbConfig;
  readonly #classes = new Map<string, string>();
  readonly #fromFile = new Set<string>();
  readonly #slicesFromFile = new Set<string>();
  #nodeAddresses: (NodeAddress & TableRow)[] = [];
  #stateFile: string | null;
  #output = "";

  constructor(
    files: ReadonlyMap<string, string>,
    { config, stateFile }: {
      readonly config: LbConfig;
      /** A file whose every change is applied. */
      readonly stateFile: string | null;
    },
  ) {
    this.#files = new Map(files);
    this.#tables = new LbTables(config);
    this.#config = config;
    this.#stateFile = stateFile;
  }

  /** Runs one command; undefined when it did as it should, else why not. */
  run({ words, negated }: ScriptCommand): string | undefined {
    const fault = this.#run(words);
    if (!negated) return fault;
    return fault === undefined ? `${words.join(" ")} did not fail` : undefined;
  }

  #run([name = "", ...words]: readonly string[]): string | undefined {
    switch (name) {
      case "hive":
      case "hive/start":
      case "db/initialized":
      case "db":
        return undefined;
      case "k8s/add":
      case "k8s/update":
      case "k8s/delete":
        for (const file of words) {
          for (const object of this.#objects(file)) {
            this.#apply(object, { gone: name === "k8s/delete" });
          }
        }
        return this.#commit();
      case "db/insert":
      case "db/delete":
        return this.#setAddresses(words.slice(1), name === "db/delete");
      case "test/set-node-labels":
        this.#tables.setNodeLabels(
          Object.fromEntries(words.map((word) => word.split("="))),
        );
        return undefined;
      case "test/update-backend-health":
        return this.#setHealth(words);
      case "cp":
      case "mv":
      case "sed":
      case "replace":
        return this.#edit(name, words);
      case "metrics":
        return this.#metrics(words);
      default:
        return this.#check(name, words);
    }
  }

  #check(name: string, words: readonly string[]): string | undefined {
    const [first = "", second = ""] = words;
    switch (name) {
      case "db/cmp":
        return this.#compareTable(first, second);
      case "db/empty":
        return words.map((table) =>
          this.#rows(table).length > 0 ? `${table} is not empty` : undefined
        ).find((fault) => fault !== undefined);
      case "db/show":
        this.#output = formatTable(COLUMNS[first] ?? [], this.#rows(first));
        return undefined;
      case "db/list":
      case "db/prefix":
        return this.#query(words, name === "db/prefix");
      case "stdout":
        return new RegExp(first).test(this.#output)
          ? undefined
          : `no ${first} in ${this.#output}`;
      case "lb/maps-dump":
        this.#files.set(first, formatLbMaps(this.#tables.maps));
        return undefined;
      case "lb/maps-empty": {
        const text = formatLbMaps(this.#tables.maps);
        return text === "" ? undefined : `maps are not empty: ${text}`;
      }
      case "cmp":
        return compareText(this.#file(first), this.#file(second));
      case "empty":
        return this.#file(first) === "" ? undefined : `${first} is not empty`;
      case "grep":
        return new RegExp(first).test(this.#file(second))
          ? undefined
          : `no ${first} in ${second}`;
      default:
        throw new UnknownCommand(name);
    }
  }

  #commit(): undefined {
    this.#tables.commit();
    return undefined;
  }

  #objects(file: string): KubeObject[] {
    return parseAll(this.#file(file)).filter((one): one is KubeObject =>
      one !== null
    );
  }

  #apply(object: KubeObject, { gone }: { readonly gone: boolean }): void {
    const { kind, metadata } = object;
    const key = `${metadata.namespace ?? "default"}/${metadata.name}`;
    const tables = this.#tables;
    switch (kind) {
      case "Service":
        if (gone) tables.deleteService(key);
        else this.#applyService(object as unknown as ApiService, "k8s");
        return;
      case "EndpointSlice":
        if (gone) tables.deleteSlice(key);
        else tables.applySlice(sliceOf(object as unknown as ApiSlice));
        return;
      case "Pod":
        if (gone) tables.deletePod(key);
        else {
          const pod = object as unknown as ApiPod;
          tables.applyPod(podOf(pod), { uid: pod.metadata.uid });
        }
        return;
      case "CiliumLocalRedirectPolicy": {
        const redirect = readLocalRedirect(object);
        if (gone) tables.deleteRedirect(key);
        else if (redirect !== undefined) tables.applyRedirect(redirect);
        return;
      }
      default:
        throw new UnknownCommand(`k8s/add of ${kind}`);
    }
  }

  #applyService(object: ApiService, source: string): void {
    const { metadata, spec } = object;
    const extra = (spec as { loadBalancerClass?: string }).loadBalancerClass;
    const name = `${metadata.namespace}/${metadata.name}`;
    if (extra === undefined) this.#classes.delete(name);
    else this.#classes.set(name, extra);
    this.#tables.applyService(serviceOf(object), { source });
  }

  #setAddresses(files: readonly string[], gone: boolean): undefined {
    for (const file of files) {
      const [one] = this.#objects(file) as unknown as readonly {
        readonly addr: string;
        readonly nodeport: boolean;
        readonly primary: boolean;
        readonly devicename: string;
      }[];
      this.#nodeAddresses = this.#nodeAddresses.filter(({ Address }) =>
        Address !== one!.addr
      );
      if (gone) continue;
      this.#nodeAddresses.push(
        {
          ip: Ip.of(one!.addr),
          nodePort: one!.nodeport,
          Address: one!.addr,
          NodePort: `${one!.nodeport}`,
          Primary: `${one!.primary}`,
          DeviceName: one!.devicename,
        } as unknown as NodeAddress & TableRow,
      );
    }
    this.#tables.setNodeAddresses(this.#nodeAddresses);
    return this.#commit();
  }

  #setHealth([service = "", backend = "", healthy = ""]: readonly string[]) {
    const [, ip = "", port = "", protocol = ""] =
      /^\[?([0-9a-f.:]+)\]?:(\d+)\/(\w+)$/.exec(backend) ?? [];
    this.#tables.setHealth(service, {
      ip: Ip.of(ip),
      port: Number(port),
      protocol: protocol as "TCP" | "UDP" | "SCTP",
      scope: 0,
    }, healthy === "true");
    return this.#commit();
  }

  #edit(name: string, words: readonly string[]): undefined {
    if (name === "cp" || name === "mv") {
      const [from = "", to = ""] = words;
      this.#files.set(to, this.#file(from));
      if (name === "mv") this.#files.delete(from);
      return this.#edited(to);
    }
    const [pattern = "", text = "", file = ""] = words;
    const before = this.#file(file);
    this.#files.set(
      file,
      name === "replace"
        ? before.replaceAll(pattern, () => text)
        : before.replace(new RegExp(pattern, "gm"), () => text),
    );
    return this.#edited(file);
  }

  /** The state file is followed: what it no longer says goes away. */
  #edited(file: string): undefined {
    if (file !== this.#stateFile) return undefined;
    const [state] = this.#objects(file) as unknown as readonly {
      readonly services?: readonly ApiService[];
      readonly endpoints?: readonly ApiSlice[];
    }[];
    const { services = [], endpoints = [] } = state ?? {};
    const name = ({ metadata }: ApiService | ApiSlice) =>
      `${metadata.namespace}/${metadata.name}`;
    for (const one of services) this.#applyService(one, "api");
    for (const one of endpoints) this.#tables.applySlice(sliceOf(one));
    for (const key of this.#fromFile) {
      if (!services.some((one) => name(one) === key)) {
        this.#tables.deleteService(key);
      }
    }
    for (const key of this.#slicesFromFile) {
      if (!endpoints.some((one) => name(one) === key)) {
        this.#tables.deleteSlice(key);
      }
    }
    for (const one of services) this.#fromFile.add(name(one));
    for (const one of endpoints) this.#slicesFromFile.add(name(one));
    return this.#commit();
  }

  #metrics(words: readonly string[]): undefined {
    const out = words.find((word) => word.startsWith("--out="))?.slice(6) ?? "";
    const measured =
      /^cilium_(lb[46]_(?:services_v2|backends_v3|reverse_nat))$/;
    const rows = this.#tables.maps.all.flatMap(({ spec, size }) => {
      const name = measured.exec(spec.name)?.[1];
      return name === undefined ? [] : [{
        Metric: "cilium_bpf_map_pressure",
        Labels: `map_name=${name}`,
        Value: (size / spec.maxEntries).toFixed(6),
      }];
    }).sort((a, b) => a.Labels < b.Labels ? -1 : 1);
    this.#files.set(out, formatTable(["Metric", "Labels", "Value"], rows));
    return undefined;
  }

  #compareTable(table: string, file: string): string | undefined {
    const { columns, rows } = parseTable(this.#file(file));
    const shown = (list: readonly TableRow[]) =>
      list.map((row) => columns.map((column) => row[column] ?? "").join(" | "))
        .join("\n");
    return compareText(shown(rows), shown(this.#rows(table)));
  }

  #query(words: readonly string[], prefix: boolean): undefined {
    const option = (...names: string[]) => {
      const at = words.findIndex((word) => names.includes(word));
      return at < 0 ? undefined : words[at + 1];
    };
    const [table = "", asked = ""] = words.slice(-2);
    const columns = option("--columns", "-c")?.split(",") ?? [];
    const column = INDEX_COLUMNS[`${table}/${option("-i", "--index")}`];
    if (column === undefined) throw new UnknownCommand(words.join(" "));
    const wanted = column === "Address" && prefix
      ? asked.slice(0, asked.indexOf(".0")) + "."
      : asked;
    const rows = this.#rows(table).filter((row) =>
      prefix
        ? row[column]!.startsWith(wanted)
        : row[column]!.replace(/ \(.*/, "") === wanted
    );
    const sorted = column === "Address"
      ? rows
      : rows.toSorted((a, b) =>
        a[column]! < b[column]! ? -1 : a[column] === b[column] ? 0 : 1
      );
    const text = formatTable(columns, sorted);
    this.#files.set(option("-o", "--out") ?? "", text);
    this.#output = text;
    return undefined;
  }

  #rows(table: string): TableRow[] {
    const context: TableContext = {
      tables: this.#tables,
      config: this.#config,
      nodeAddresses: this.#nodeAddresses,
      classes: this.#classes,
    };
    const rows = rowsOf(table, context);
    if (rows === undefined) throw new UnknownCommand(`table ${table}`);
    return rows;
  }

  #file(name: string): string {
    const text = this.#files.get(name);
    if (text === undefined) throw new UnknownCommand(`file ${name}`);
    return text;
  }
}

/** The column that an index of a table goes by. */
const INDEX_COLUMNS: Readonly<Record<string, string>> = {
  "services/name": "Name",
  "frontends/service": "ServiceName",
  "frontends/address": "Address",
  "backends/service": "Instances",
  "backends/address": "Address",
};

function compareText(expected: string, actual: string): string | undefined {
  const wanted = expected.trimEnd().split("\n");
  const got = actual.trimEnd().split("\n");
  for (let at = 0; at < Math.max(wanted.length, got.length); at++) {
    if (wanted[at]?.trimEnd() !== got[at]?.trimEnd()) {
      return `line ${at + 1}: ${wanted[at] ?? "nothing"} | ${
        got[at] ?? "nothing"
      }`;
    }
  }
  return undefined;
}
