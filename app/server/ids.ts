/** Ids are opaque, and checked before anything is looked up by them. */
const HASHED = /^[csf]-[0-9a-f]{32}$/;
const RUN = /^r-[0-9a-z]{9}-[0-9a-f]{12}$/;

/** What can be uploaded. */
export type UploadKind = "cluster" | "scenario" | "flows";

const PREFIXES: Readonly<Record<UploadKind, string>> = {
  cluster: "c",
  scenario: "s",
  flows: "f",
};

/** The id of an upload: what it holds says who it is. */
export function uploadId(kind: UploadKind, sha256Hex: string): string {
  return `${PREFIXES[kind]}-${sha256Hex.slice(0, 32)}`;
}

/** Whether a text can be the id of an upload of a kind. */
export function isUploadId(kind: UploadKind, id: string): boolean {
  return HASHED.test(id) && id.startsWith(PREFIXES[kind]);
}

/** A new id for a run; ids sort in the order in which they were made. */
export function newRunId(nowMs: number): string {
  const time = nowMs.toString(36).padStart(9, "0");
  const random = crypto.getRandomValues(new Uint8Array(6)).toHex();
  return `r-${time}-${random}`;
}

/** Whether a text can be the id of a run. */
export function isRunId(id: string): boolean {
  return RUN.test(id);
}
