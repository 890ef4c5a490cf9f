/**
 * Ids as the agent gives them out: the next one up, also when lower ones are
 * free again; from the start once the highest is reached
 * (pkg/loadbalancer/reconciler/id_allocator.go).
 */
export class IdAllocator {
  readonly #ids = new Map<string, number>();
  readonly #owners = new Map<number, string>();
  readonly #most: number;
  #next = 1;

  /** Ids from 1 to `most`. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The id of an owner, given out now or before; undefined when none is free. */
  acquire(owner: string): number | undefined {
    const known = this.#ids.get(owner);
    if (known !== undefined) return known;
    if (this.#owners.size >= this.#most) return undefined;
    let id = this.#next;
    while (this.#owners.has(id)) id = this.#after(id);
    this.#ids.set(owner, id);
    this.#owners.set(id, owner);
    this.#next = this.#after(id);
    return id;
  }

  /** The id of an owner that has one. */
  find(owner: string): number | undefined {
    return this.#ids.get(owner);
  }

  /** Makes an owner's id free. */
  release(owner: string): void {
    const id = this.#ids.get(owner);
    if (id === undefined) return;
    this.#ids.delete(owner);
    this.#owners.delete(id);
  }

  #after(id: number): number {
    return id >= this.#most ? 1 : id + 1;
  }
}
