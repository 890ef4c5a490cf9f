/**
 * A map that others read in key order, code unit by code unit. It sorts when
 * it is read, so that a thousand additions cost one sort.
 */
export class SortedMap<V> {
  readonly #map = new Map<string, V>();
  #last = "";
  #sorted = true;

  /** The map itself, in order; it stays the same object for ever. */
  get view(): ReadonlyMap<string, V> {
    if (!this.#sorted) this.#sort();
    return this.#map;
  }

  get(key: string): V | undefined {
    return this.#map.get(key);
  }

  set(key: string, value: V): void {
    if (!this.#map.has(key)) {
      if (key < this.#last) this.#sorted = false;
      else this.#last = key;
    }
    this.#map.set(key, value);
  }

  delete(key: string): void {
    this.#map.delete(key);
  }

  #sort(): void {
    const entries = [...this.#map].sort(([a], [b]) => a < b ? -1 : 1);
    this.#map.clear();
    for (const [key, value] of entries) this.#map.set(key, value);
    this.#sorted = true;
  }
}
