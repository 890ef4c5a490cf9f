import { LIMITS } from "../limits.ts";

/** Objects with more keys than this are maps rather than records: sorted each time, remembered never. */
const SHAPE_KEYS = 32;

/**
 * A node of a tree of key sequences: objects made by the same code list their
 * keys in the same order, so sorting is done once for each such order and
 * found again by one comparison a key.
 */
interface Shape {
  readonly key: string;
  readonly parent: Shape | null;
  readonly keyCount: number;
  /** The step taken last from here, which is most often the next one too. */
  recent: Shape | null;
  readonly steps: Map<string, Shape>;
  plan: KeyPlan | null;
}

/** In which order to write an object's keys, each with the bytes that precede its value. */
export interface KeyPlan {
  readonly keys: readonly string[];
  /** `{"flow":` for the first key, `,"verdict":` for the others. */
  readonly prefixes: readonly Uint8Array[];
}

/** Finds the {@link KeyPlan} of an object; remembers a bounded number of shapes. */
export class ShapeTree {
  readonly #root = makeShape("", null);
  #count = 0;

  planOf(object: object): KeyPlan {
    let shape: Shape | undefined = this.#root;
    for (const key in object) {
      const recent: Shape | null = shape.recent;
      shape = recent !== null && recent.key === key
        ? recent
        : this.#step(shape, key);
      if (shape === undefined) return makePlan(Object.keys(object));
    }
    return shape.plan ??= makePlan(keysOf(shape));
  }

  /** The shape with one more key; undefined when there is no room for another. */
  #step(from: Shape, key: string): Shape | undefined {
    let shape = from.steps.get(key);
    if (shape === undefined) {
      if (from.keyCount >= SHAPE_KEYS || this.#count >= LIMITS.jsonShapes) {
        return undefined;
      }
      shape = makeShape(key, from);
      from.steps.set(key, shape);
      this.#count++;
    }
    from.recent = shape;
    return shape;
  }
}

function makeShape(key: string, parent: Shape | null): Shape {
  return {
    key,
    parent,
    keyCount: parent === null ? 0 : parent.keyCount + 1,
    recent: null,
    steps: new Map(),
    plan: null,
  };
}

function keysOf(shape: Shape): string[] {
  const keys: string[] = [];
  for (let at = shape; at.parent !== null; at = at.parent) keys.push(at.key);
  return keys;
}

function makePlan(keys: string[]): KeyPlan {
  const encoder = new TextEncoder();
  // The default order of sort() is that of UTF-16 code units, as RFC 8785 asks.
  keys.sort();
  const prefixes = keys.map((key, index) =>
    encoder.encode(`${index === 0 ? "{" : ","}${JSON.stringify(key)}:`)
  );
  return { keys, prefixes };
}
