import type { IptablesOptions } from "./options.ts";

/** Something kept under the options it was made with, and a key beside them. */
export class StoreByOptions<Kept> {
  readonly #kept = new WeakMap<IptablesOptions, Map<string, Kept>>();

  of(options: IptablesOptions, key: string, make: () => Kept): Kept {
    let byKey = this.#kept.get(options);
    if (byKey === undefined) this.#kept.set(options, byKey = new Map());
    let kept = byKey.get(key);
    if (kept === undefined) byKey.set(key, kept = make());
    return kept;
  }
}
