import { InternalError, invariant } from "../../../core/errors.ts";
import { Ip } from "../../../core/packet/ip.ts";

/** One field of a struct: where it is, and how its value is read and written. */
export interface Field<Value> {
  readonly offset: number;
  readonly bytes: number;
  /** Which bits of its one byte, lowest first; the whole bytes when absent. */
  readonly bits?: { readonly first: number; readonly width: number };
  read(view: DataView): Value;
  write(view: DataView, value: Value): void;
}

/** What a struct decodes to. */
export type Values<F> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer Value> ? Value
    : never;
};

/** Any field, whatever its value. */
export type AnyField = Pick<Field<unknown>, "offset" | "bytes" | "bits">;

/**
 * A struct as declared fields: decoding and encoding are each other's
 * inverse, but for padding, which is written as zeros.
 *
 * @example
 * ```ts
 * const KEY = new Layout("lb4_reverse_nat", 6, {
 *   address: ip4(0),
 *   port: be16(4),
 * });
 * KEY.encode({ address: Ip.of("10.96.0.1"), port: 80 }); // 0a 60 00 01 00 50
 * ```
 */
export class Layout<F extends Readonly<Record<string, AnyField>>> {
  /** The struct's own name. */
  readonly name: string;
  /** Its size in bytes. */
  readonly size: number;
  /** By name. */
  readonly fields: F;
  readonly #list: readonly (readonly [string, Field<unknown>])[];

  /** Declares a struct; fields may not overlap nor stick out. */
  constructor(name: string, size: number, fields: F) {
    this.name = name;
    this.size = size;
    this.fields = fields;
    this.#list = Object.entries(fields) as [string, Field<unknown>][];
    checkFields(this);
  }

  /** Reads a struct from bytes of its size. */
  decode(bytes: Uint8Array): Values<F> {
    this.#check(bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, this.size);
    const values: Record<string, unknown> = {};
    for (const [name, field] of this.#list) values[name] = field.read(view);
    return values as Values<F>;
  }

  /** Writes a struct; what is not given is zero. */
  encode(values: Partial<Values<F>>): Uint8Array {
    const bytes = new Uint8Array(this.size);
    const view = new DataView(bytes.buffer);
    for (const name of Object.keys(values)) {
      const field = this.fields[name] as Field<unknown> | undefined;
      if (field === undefined) {
        throw new InternalError(`${this.name} has no field ${name}`);
      }
      const value = values[name];
      if (value !== undefined) field.write(view, value);
    }
    return bytes;
  }

  #check(bytes: Uint8Array): void {
    if (bytes.length === this.size) return;
    throw new InternalError(
      `${this.name} has ${this.size} bytes, not ${bytes.length}`,
    );
  }
}

function checkFields(
  { name, size, fields }: Layout<Readonly<Record<string, AnyField>>>,
): void {
  const taken = new Uint8Array(size);
  for (const [key, { offset, bytes, bits }] of Object.entries(fields)) {
    invariant(offset + bytes <= size, `${name}.${key} sticks out`);
    const mask = bits === undefined
      ? 0xff
      : ((1 << bits.width) - 1) << bits.first;
    for (let at = offset; at < offset + bytes; at++) {
      invariant((taken[at]! & mask) === 0, `${name}.${key} overlaps another`);
      taken[at] = taken[at]! | mask;
    }
  }
}

/** An unsigned byte. */
export function u8(offset: number): Field<number> {
  return integer(offset, 1, true);
}

/** 16 bits in the order of the host, which is little-endian. */
export function u16(offset: number): Field<number> {
  return integer(offset, 2, true);
}

/** 32 bits in the order of the host. */
export function u32(offset: number): Field<number> {
  return integer(offset, 4, true);
}

/** 16 bits in network order. */
export function be16(offset: number): Field<number> {
  return integer(offset, 2, false);
}

/** 64 bits in the order of the host. */
export function u64(offset: number): Field<bigint> {
  return {
    offset,
    bytes: 8,
    read: (view) => view.getBigUint64(offset, true),
    write: (view, value) => {
      invariant(
        BigInt.asUintN(64, value) === value,
        `${value} is no unsigned number of 64 bits`,
      );
      view.setBigUint64(offset, value, true);
    },
  };
}

/** Some bits of one byte, as compilers place bit fields on little-endian hosts. */
export function bits(
  offset: number,
  first: number,
  width: number,
): Field<number> {
  invariant(first + width <= 8, "a bit field lies in one byte");
  const ones = (1 << width) - 1;
  return {
    offset,
    bytes: 1,
    bits: { first, width },
    read: (view) => (view.getUint8(offset) >> first) & ones,
    write: (view, value) => {
      checkRange(value, ones);
      const others = view.getUint8(offset) & ~(ones << first);
      view.setUint8(offset, others | value << first);
    },
  };
}

/** Bytes as they are. */
export function raw(offset: number, bytes: number): Field<Uint8Array> {
  return {
    offset,
    bytes,
    read: (view) =>
      new Uint8Array(view.buffer, view.byteOffset + offset, bytes).slice(),
    write: (view, value) => {
      invariant(value.length === bytes, `${value.length} bytes for ${bytes}`);
      new Uint8Array(view.buffer, view.byteOffset + offset, bytes).set(value);
    },
  };
}

/** An IPv4 address in network order. */
export function ip4(offset: number): Field<Ip> {
  return {
    offset,
    bytes: 4,
    read: (view) => Ip.v4(view.getUint32(offset)),
    write: (view, ip) => {
      if (ip.family !== 4) {
        throw new InternalError(`${ip.text} is no IPv4 address`);
      }
      view.setUint32(offset, ip.w3);
    },
  };
}

/** An IPv6 address. */
export function ip6(offset: number): Field<Ip> {
  const word = (view: DataView, at: number) => view.getUint32(offset + at);
  return {
    offset,
    bytes: 16,
    read: (view) =>
      Ip.v6(word(view, 0), word(view, 4), word(view, 8), word(view, 12)),
    write: (view, ip) => {
      if (ip.family !== 6) {
        throw new InternalError(`${ip.text} is no IPv6 address`);
      }
      for (const [at, value] of [ip.w0, ip.w1, ip.w2, ip.w3].entries()) {
        view.setUint32(offset + 4 * at, value);
      }
    },
  };
}

/** The 16 bytes that hold an address of either family: an IPv4 address comes first, zeros follow. */
export function addressBytes(ip: Ip): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  if (ip.family === 4) ip4(0).write(view, ip);
  else ip6(0).write(view, ip);
  return bytes;
}

/** The address in 16 such bytes. */
export function addressOf(bytes: Uint8Array, family: 4 | 6): Ip {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return (family === 4 ? ip4(0) : ip6(0)).read(view);
}

function integer(
  offset: number,
  bytes: 1 | 2 | 4,
  littleEndian: boolean,
): Field<number> {
  const most = 2 ** (8 * bytes) - 1;
  return {
    offset,
    bytes,
    read: (view) =>
      bytes === 1
        ? view.getUint8(offset)
        : bytes === 2
        ? view.getUint16(offset, littleEndian)
        : view.getUint32(offset, littleEndian),
    write: (view, value) => {
      checkRange(value, most);
      if (bytes === 1) view.setUint8(offset, value);
      else if (bytes === 2) view.setUint16(offset, value, littleEndian);
      else view.setUint32(offset, value, littleEndian);
    },
  };
}

/** The message is made only when it is needed: structs are written for every lookup. */
function checkRange(value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw new InternalError(`${value} is no whole number from 0 to ${most}`);
}
