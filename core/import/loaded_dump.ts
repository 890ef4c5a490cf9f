import { InputError } from "../errors.ts";
import { type NewEvent, newEvent } from "../event.ts";
import { DUMP_FORMATS, type DumpFormat, dumpFormatOf } from "./dump_format.ts";

import type { ManifestFile } from "./manifests.ts";
import { redactWgDump } from "./wg_dump.ts";

/**
 * The event of a dump that was read from a file. Without a format it is told
 * by how the dump begins. Throws an {@link InputError} when it cannot be.
 */
export function loadedDump(
  { file, text }: ManifestFile,
  { format, node }: {
    readonly format: DumpFormat | null;
    /** Null: every node. */
    readonly node: string | null;
  },
): NewEvent<"dump.loaded"> {
  const source = { file, line: 1, column: 1 };
  const found = format ?? dumpFormatOf(text);
  if (found === undefined) {
    throw new InputError([{
      message: `Cannot load ${file}: it begins like no dump that is known`,
      at: source,
      expected: `the output of one of ${DUMP_FORMATS.join(", ")}`,
    }]);
  }
  return newEvent("dump.loaded", {
    node,
    format: found,
    // A tape is stored and shown: no key of a tunnel may get onto it.
    text: found === "wg-dump" ? redactWgDump(text) : text,
    source,
  });
}
