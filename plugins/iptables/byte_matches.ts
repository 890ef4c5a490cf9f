import { bpf } from "./bpf_match.ts";
import type { MatchCompiler } from "./match_compiler.ts";
import { string } from "./string_match.ts";
import { u32 } from "./u32_match.ts";

/** Matches that read a packet's bytes. */
export const BYTE_MATCHES: Readonly<Record<string, MatchCompiler>> = {
  string,
  u32,
  bpf,
};
