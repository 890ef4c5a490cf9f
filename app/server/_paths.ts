import { fileURLToPath } from "node:url";

/** The path of a file beside this one. */
export function fromFileUrl(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
