import { LIMITS } from "../limits.ts";

/**
 * Open connections under one or more keys each. When it is full, the one
 * longest unseen has to go.
 */
export class ConnectionTable<Connection extends object> {
  readonly #limit: number;
  readonly #byKey = new Map<string, Connection>();
  /** In the order in which they were last seen, each with its keys. */
  readonly #keys = new Map<Connection, string[]>();
  #newest: Connection | undefined;

  constructor(limit: number = LIMITS.openConnections) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#keys.size;
  }

  get(key: string): Connection | undefined {
    return this.#byKey.get(key);
  }

  has(connection: Connection): boolean {
    return this.#keys.has(connection);
  }

  /** Makes a connection the last one to go. */
  touch(connection: Connection): void {
    if (connection === this.#newest) return;
    const keys = this.#keys.get(connection);
    if (keys === undefined) return;
    this.#keys.delete(connection);
    this.#keys.set(connection, keys);
    this.#newest = connection;
  }

  /** Adds a connection; the one that had to go for it, if one had to. */
  add(key: string, connection: Connection): Connection | undefined {
    let evicted: Connection | undefined;
    if (this.#keys.size >= this.#limit) {
      evicted = this.#keys.keys().next().value;
      if (evicted !== undefined) this.remove(evicted);
    }
    this.#keys.set(connection, []);
    this.#newest = connection;
    this.alias(key, connection);
    return evicted;
  }

  /** Makes a connection known under one more key; it may have been another's. */
  alias(key: string, connection: Connection): void {
    const keys = this.#keys.get(connection);
    if (keys === undefined || keys.length >= LIMITS.recordedDetails) return;
    if (this.#byKey.get(key) === connection) return;
    this.#byKey.set(key, connection);
    keys.push(key);
  }

  remove(connection: Connection): void {
    for (const key of this.#keys.get(connection) ?? []) {
      if (this.#byKey.get(key) === connection) this.#byKey.delete(key);
    }
    this.#keys.delete(connection);
    if (this.#newest === connection) this.#newest = undefined;
  }

  /** Takes all of them out. */
  drain(): Connection[] {
    const connections = [...this.#keys.keys()];
    this.#keys.clear();
    this.#byKey.clear();
    this.#newest = undefined;
    return connections;
  }
}
