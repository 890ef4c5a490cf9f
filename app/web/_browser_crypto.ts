/** As much of `node:crypto` as reports need, for browsers: a digest at once, where they only have one later. */
export function createHash(_: "sha256"): Hash {
  return new Hash();
}

/** Collects text and gives its sha256 (FIPS 180-4). */
class Hash {
  #text = "";

  update(text: string): this {
    this.#text += text;
    return this;
  }

  digest(_: "hex"): string {
    const state = new Uint32Array(INITIAL);
    const bytes = padded(new TextEncoder().encode(this.#text));
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += 64) addBlock(state, view, at);
    return [...state].map((word) => word.toString(16).padStart(8, "0"))
      .join("");
  }
}

const PRIMES = firstPrimes(64);

/** The first 32 bits of the fractions of roots of primes, as the standard says. */
const INITIAL = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
const CONSTANTS = PRIMES.map((prime) => fraction(Math.cbrt(prime)));

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let number = 2; primes.length < count; number++) {
    if (primes.every((prime) => number % prime !== 0)) primes.push(number);
  }
  return primes;
}

function fraction(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32);
}

function padded(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = Math.ceil((message.length + 9) / 64) * 64;
  const bytes = new Uint8Array(length);
  bytes.set(message);
  bytes[message.length] = 0x80;
  new DataView(bytes.buffer).setUint32(length - 4, message.length * 8);
  return bytes;
}

function addBlock(state: Uint32Array, view: DataView, at: number): void {
  const words = schedule(view, at);
  let [a, b, c, d, e, f, g, h] = state as unknown as Eight;
  for (let round = 0; round < 64; round++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const first = (h + s1 + choice + CONSTANTS[round]! + words[round]!) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    [h, g, f, e, d, c, b, a] = [
      g,
      f,
      e,
      (d + first) | 0,
      c,
      b,
      a,
      (first + s0 + majority) | 0,
    ];
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) {
    state[index] = state[index]! + word;
  }
}

type Eight = [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

function schedule(view: DataView, at: number): Uint32Array {
  const words = new Uint32Array(64);
  for (let index = 0; index < 16; index++) {
    words[index] = view.getUint32(at + 4 * index);
  }
  for (let index = 16; index < 64; index++) {
    const w15 = words[index - 15]!;
    const w2 = words[index - 2]!;
    const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3);
    const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10);
    words[index] = words[index - 16]! + s0 + words[index - 7]! + s1;
  }
  return words;
}

function rotate(word: number, count: number): number {
  return (word >>> count) | (word << (32 - count));
}
