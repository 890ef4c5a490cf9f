/**
 * One record of a log, as JSON. The log knows the envelope only; what `data`
 * holds is between those who write it and those who read it. Objects with
 * `toJSON` (addresses) go in as objects and come back as text.
 */
export interface LogEvent {
  /** `noun.pastParticiple`. */
  readonly type: string;
  /** Version of the shape of `data`. */
  readonly version: number;
  /** Counts from 0 without gaps. */
  readonly position: number;
  /** Virtual time; never goes back. */
  readonly timeNs: number;
  /** What happened; any JSON. */
  readonly data: unknown;
}

/** What a log says about its run: scenario, stack, seed, versions. Plain JSON. */
export type LogHeader = Readonly<Record<string, unknown>>;

/** Where a log ends. */
export interface LogHead {
  /** Position of the next event, which is the number of events so far. */
  readonly position: number;
  /** Hexadecimal sha256 that vouches for the header and every event so far. */
  readonly chainHash: string;
}
