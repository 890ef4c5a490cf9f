import type { NewEvent } from "../../core/event.ts";
import { loadedDump } from "../../core/import/loaded_dump.ts";
import { type FilesWanted, readFiles } from "./manifests.ts";

const DUMPS: FilesWanted = {
  ending: /\.(?:json|txt|rules|save|dump)$/,
  missing: {
    reason: "the directory has no dumps",
    expected: "files that end in .json, .txt, .rules, .save or .dump",
  },
};

/**
 * Reads dumps of live nodes: files, and directories of them, each told by how
 * it begins. `n1=dumps/n1` is of one node, a path alone of every node. Throws
 * an `InputError` with everything that cannot be read.
 */
export function readDumps(
  paths: readonly string[],
): NewEvent<"dump.loaded">[] {
  return paths.flatMap((given) => {
    const [, node = null, path] = /^(?:([a-z0-9.-]{1,253})=)?(.+)$/.exec(
      given,
    ) ?? [null, null, given];
    return readFiles([path!], DUMPS)
      .map((file) => loadedDump(file, { format: null, node }));
  });
}
