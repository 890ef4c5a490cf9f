/**
 * IPv4 and IPv6 addresses and prefixes. An address is four 32-bit words, the
 * most significant first; an IPv4 address lies in the last. Text follows
 * RFC 5952.
 */
export class Ip {
  /** An IPv4-mapped IPv6 address is of family 6. */
  readonly family: 4 | 6;
  /** Bits 127 to 96 as an unsigned number; 0 for IPv4. */
  readonly w0: number;
  /** Bits 95 to 64; 0 for IPv4. */
  readonly w1: number;
  /** Bits 63 to 32; 0 for IPv4. */
  readonly w2: number;
  /** Bits 31 to 0: the whole of an IPv4 address. */
  readonly w3: number;
  #text: string | undefined;

  private constructor(
    family: 4 | 6,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    text?: string,
  ) {
    this.family = family;
    this.w0 = w0;
    this.w1 = w1;
    this.w2 = w2;
    this.w3 = w3;
    this.#text = text;
  }

  /** An IPv4 address from its value as an unsigned 32-bit number. */
  static v4(value: number): Ip {
    return new Ip(4, 0, 0, 0, value >>> 0);
  }

  /** The same where the canonical text is at hand already. */
  static v4WithText(value: number, text: string): Ip {
    return new Ip(4, 0, 0, 0, value >>> 0, text);
  }

  /** An IPv6 address from four words, the most significant first. */
  static v6(w0: number, w1: number, w2: number, w3: number): Ip {
    return new Ip(6, w0 >>> 0, w1 >>> 0, w2 >>> 0, w3 >>> 0);
  }

  /** Reads text; undefined when it is no address. */
  static parse(text: string): Ip | undefined {
    return text.includes(":") ? parseV6(text) : parseV4(text);
  }

  /** Reads text that the program itself wrote; throws when it is no address. */
  static of(text: string): Ip {
    const ip = Ip.parse(text);
    if (ip === undefined) throw new TypeError(`Cannot read address: ${text}`);
    return ip;
  }

  /** Canonical text: dotted quad, or RFC 5952. */
  get text(): string {
    return this.#text ??= this.family === 4
      ? formatV4(this.w3)
      : formatV6([this.w0, this.w1, this.w2, this.w3]);
  }

  /** Same family and value: `::ffff:10.0.0.1` is not `10.0.0.1`. */
  equals(other: Ip): boolean {
    return this.w3 === other.w3 && this.w2 === other.w2 &&
      this.w1 === other.w1 && this.w0 === other.w0 &&
      this.family === other.family;
  }

  /** The address `offset` further on, within the last 32 bits. */
  plus(offset: number): Ip {
    return new Ip(
      this.family,
      this.w0,
      this.w1,
      this.w2,
      (this.w3 + offset) >>> 0,
    );
  }

  /** 127.0.0.0/8 or ::1. */
  get isLoopback(): boolean {
    return this.family === 4
      ? this.w3 >>> 24 === 127
      : this.w0 === 0 && this.w1 === 0 && this.w2 === 0 && this.w3 === 1;
  }

  /** The canonical text, so that addresses can stand in templates. */
  toString(): string {
    return this.text;
  }

  /** The canonical text: an address is a string in a log. */
  toJSON(): string {
    return this.text;
  }
}

/** A prefix. Host bits of the text are cleared, as the kernel does. */
export class Cidr {
  /** The lowest address of the prefix. */
  readonly base: Ip;
  /** Leading bits that count: 0 to 32, or to 128 for IPv6. */
  readonly length: number;
  readonly #m0: number;
  readonly #m1: number;
  readonly #m2: number;
  readonly #m3: number;

  /** Takes a length that fits the family for granted; {@link Cidr.parse} checks it. */
  constructor(ip: Ip, length: number) {
    const bits = ip.family === 4 ? length + 96 : length;
    this.length = length;
    this.#m0 = wordMask(bits);
    this.#m1 = wordMask(bits - 32);
    this.#m2 = wordMask(bits - 64);
    this.#m3 = wordMask(bits - 96);
    this.base = ip.family === 4 ? Ip.v4(ip.w3 & this.#m3) : Ip.v6(
      ip.w0 & this.#m0,
      ip.w1 & this.#m1,
      ip.w2 & this.#m2,
      ip.w3 & this.#m3,
    );
  }

  /** Reads `10.0.0.0/8`, or an address alone as a full-length prefix; undefined when it is neither. */
  static parse(text: string): Cidr | undefined {
    const slash = text.indexOf("/");
    const ip = Ip.parse(slash < 0 ? text : text.slice(0, slash));
    if (ip === undefined) return undefined;
    const most = ip.family === 4 ? 32 : 128;
    if (slash < 0) return new Cidr(ip, most);
    const length = text.slice(slash + 1);
    if (!/^\d{1,3}$/.test(length) || Number(length) > most) return undefined;
    return new Cidr(ip, Number(length));
  }

  /** Reads text that the program itself wrote; throws when it is no prefix. */
  static of(text: string): Cidr {
    const cidr = Cidr.parse(text);
    if (cidr === undefined) throw new TypeError(`Cannot read prefix: ${text}`);
    return cidr;
  }

  /** Never true for an address of the other family, not even under `/0`. */
  contains(ip: Ip): boolean {
    const base = this.base;
    return ip.family === base.family &&
      ((ip.w3 & this.#m3) >>> 0) === base.w3 &&
      ((ip.w2 & this.#m2) >>> 0) === base.w2 &&
      ((ip.w1 & this.#m1) >>> 0) === base.w1 &&
      ((ip.w0 & this.#m0) >>> 0) === base.w0;
  }

  /** `10.0.0.0/8`, host bits cleared. */
  get text(): string {
    return `${this.base.text}/${this.length}`;
  }

  /** The canonical text, so that prefixes can stand in templates. */
  toString(): string {
    return this.text;
  }

  /** The canonical text: a prefix is a string in a log. */
  toJSON(): string {
    return this.text;
  }
}

/** Numeric order: IPv4 before IPv6, then by value. */
export function compareIp(a: Ip, b: Ip): number {
  return a.family - b.family || a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 ||
    a.w3 - b.w3;
}

function wordMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}

function parseV4(text: string): Ip | undefined {
  if (text.length > 15) return undefined;
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) {
      // A leading zero is refused, as Go and inet_pton do: it once meant octal.
      if (octet === 0) return undefined;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return undefined;
    } else if (digit === -2 && octet >= 0 && dots < 3) {
      value = value * 256 + octet;
      octet = -1;
      dots++;
    } else {
      return undefined;
    }
  }
  if (dots !== 3 || octet < 0) return undefined;
  return Ip.v4WithText(value * 256 + octet, text);
}

function parseV6(text: string): Ip | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const word = (index: number) =>
    ((groups[index]! << 16) | groups[index + 1]!) >>> 0;
  return Ip.v6(word(0), word(2), word(4), word(6));
}

function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (part.includes(".")) {
      const embedded = last && index === parts.length - 1
        ? parseV4(part)
        : undefined;
      if (embedded === undefined) return undefined;
      groups.push(embedded.w3 >>> 16, embedded.w3 & 0xffff);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function formatV4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${
    value & 255
  }`;
}

function formatV6(words: readonly [number, number, number, number]): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) {
    return `::ffff:${formatV4(words[3])}`;
  }
  let start = -1;
  let longest = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > longest) [start, longest] = [i, end - i];
    i = Math.max(i, end - 1);
  }
  const hex = (part: number[]) => part.map((g) => g.toString(16)).join(":");
  if (start < 0) return hex(groups);
  return `${hex(groups.slice(0, start))}::${
    hex(groups.slice(start + longest))
  }`;
}
