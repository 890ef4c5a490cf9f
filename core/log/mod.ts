/** The log: append-only blocks of events, hash-chained. */
export { BlockLog } from "./block_log.ts";
export { canonicalBytes, canonicalJson, JsonWriter } from "./canonical_json.ts";
export type { LogBytes } from "./log_bytes.ts";
export type { LogEvent, LogHead, LogHeader } from "./log_event.ts";
export type { LogTail } from "./log_index.ts";
export type { LogStore, LogSummary } from "./log_store.ts";
export { MemoryBytes } from "./memory_bytes.ts";
