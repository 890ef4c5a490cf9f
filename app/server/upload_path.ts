import { join } from "node:path";
import { invariant } from "../../core/errors.ts";
import { isUploadId, type UploadKind } from "./ids.ts";

const DIRECTORIES: Readonly<Record<UploadKind, string>> = {
  cluster: "clusters",
  scenario: "scenarios",
  flows: "flows",
};

/** Where an upload is kept; only a checked id gets that far. */
export function uploadPath(
  data: string,
  { kind, id }: { readonly kind: UploadKind; readonly id: string },
): string {
  invariant(isUploadId(kind, id), "an id was not checked");
  return join(data, DIRECTORIES[kind], id);
}
