import type { Ip } from "../packet/ip.ts";
import { type Labels, objectKey, type Pod } from "./model.ts";

/** Pods by address, by node and by label, kept up as pods come and go. */
export class PodIndex {
  readonly #byAddress = new Map<number | string, Pod[]>();
  readonly #byNode = new Map<string, Map<string, Pod>>();
  readonly #byLabel = new Map<string, Map<string, Pod>>();
  readonly #onNode = new Map<string, readonly Pod[]>();

  /** Takes a pod in, and the one it replaces out. */
  replace(before: Pod | undefined, after: Pod | undefined): void {
    if (before !== undefined) this.#remove(before);
    if (after !== undefined) this.#add(after);
  }

  /** The running pod that has an address for itself. */
  at(ip: Ip): Pod | undefined {
    return this.#byAddress.get(addressKey(ip))?.[0];
  }

  /** Running pods of a node, by key. */
  on(node: string): readonly Pod[] {
    const known = this.#onNode.get(node);
    if (known !== undefined) return known;
    const pods = sortedPods(this.#byNode.get(node)?.values() ?? [])
      .filter((pod) => pod.running);
    this.#onNode.set(node, pods);
    return pods;
  }

  /** Pods of a namespace that have all of some labels, by key. */
  withLabels(namespace: string, labels: Labels): readonly Pod[] {
    let fewest: Map<string, Pod> | undefined;
    const wanted = Object.entries(labels);
    for (const [key, value] of wanted) {
      const pods = this.#byLabel.get(labelKey(namespace, [key, value]));
      if (pods === undefined) return [];
      if (fewest === undefined || pods.size < fewest.size) fewest = pods;
    }
    return sortedPods(fewest?.values() ?? []).filter((pod) =>
      wanted.every(([key, value]) =>
        Object.hasOwn(pod.labels, key) && pod.labels[key] === value
      )
    );
  }

  #add(pod: Pod): void {
    const key = objectKey(pod);
    for (const ip of ownAddresses(pod)) {
      const others = this.#byAddress.get(addressKey(ip)) ?? [];
      this.#byAddress.set(addressKey(ip), sortedPods([...others, pod]));
    }
    inner(this.#byNode, pod.node).set(key, pod);
    this.#onNode.delete(pod.node);
    for (const label of Object.entries(pod.labels)) {
      inner(this.#byLabel, labelKey(pod.namespace, label)).set(key, pod);
    }
  }

  #remove(pod: Pod): void {
    const key = objectKey(pod);
    for (const ip of ownAddresses(pod)) {
      const others = this.#byAddress.get(addressKey(ip)) ?? [];
      const left = others.filter((other) => objectKey(other) !== key);
      if (left.length > 0) this.#byAddress.set(addressKey(ip), left);
      else this.#byAddress.delete(addressKey(ip));
    }
    this.#byNode.get(pod.node)?.delete(key);
    this.#onNode.delete(pod.node);
    for (const label of Object.entries(pod.labels)) {
      this.#byLabel.get(labelKey(pod.namespace, label))?.delete(key);
    }
  }
}

/** A key for an address: its number where that is cheaper than text. */
export function addressKey(ip: Ip): number | string {
  return ip.family === 4 ? ip.w3 : ip.text;
}

/** hostNetwork pods share their node's addresses, ended pods no longer have theirs. */
function ownAddresses(pod: Pod): readonly Ip[] {
  return pod.running && !pod.hostNetwork ? pod.ips : [];
}

/** A line feed is in no namespace, key or value. */
function labelKey(namespace: string, label: readonly string[]): string {
  return `${namespace}\n${label.join("\n")}`;
}

function inner<V>(
  outer: Map<string, Map<string, V>>,
  key: string,
): Map<string, V> {
  const known = outer.get(key);
  if (known !== undefined) return known;
  const made = new Map<string, V>();
  outer.set(key, made);
  return made;
}

function sortedPods(pods: Iterable<Pod>): Pod[] {
  return [...pods].sort((a, b) => objectKey(a) < objectKey(b) ? -1 : 1);
}
