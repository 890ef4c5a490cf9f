import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Catalog } from "../store/catalog.ts";
import { isUploadId, uploadId, type UploadKind } from "./ids.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { HttpProblem } from "./problem.ts";
import { uploadPath } from "./upload_path.ts";

/** What the catalog knows of an upload. */
export interface UploadRecord {
  readonly id: string;
  readonly lengthBytes: number;
}

/** Something that comes in. */
export interface Incoming<Info extends UploadRecord> {
  readonly kind: UploadKind;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Says what it is once it is there; throws when it cannot be used. */
  readonly check: (
    upload: UploadRecord & { readonly path: string },
  ) => Promise<Info>;
}

/**
 * Uploads as files, named by what they hold: the same upload twice is one.
 * They are written to one side, checked there, and kept only then.
 */
export class Uploads {
  readonly #catalog: Catalog;
  readonly #data: string;
  #storedBytes = 0;

  constructor(catalog: Catalog, data: string) {
    this.#catalog = catalog;
    this.#data = data;
  }

  /** Makes the directories, and removes what never became whole. */
  async prepare(): Promise<void> {
    const incoming = join(this.#data, "incoming");
    await Deno.remove(incoming, { recursive: true }).catch(() => {});
    for (const name of ["incoming", "clusters", "scenarios", "flows", "runs"]) {
      await Deno.mkdir(join(this.#data, name), { recursive: true });
    }
    for (const kind of ["cluster", "scenario", "flows"] as const) {
      for (const { lengthBytes } of await this.list(kind)) {
        this.#storedBytes += lengthBytes;
      }
    }
  }

  async list<Info extends UploadRecord>(kind: UploadKind): Promise<Info[]> {
    return await this.#catalog.latest<Info>(kind);
  }

  async find<Info extends UploadRecord>(
    kind: UploadKind,
    id: string,
  ): Promise<Info | null> {
    if (!isUploadId(kind, id)) return null;
    return await this.#catalog.find<Info>(kind, id);
  }

  /** Keeps what comes in. */
  async add<Info extends UploadRecord>(
    { kind, chunks, check }: Incoming<Info>,
  ): Promise<Info> {
    const name = crypto.randomUUID();
    const path = join(this.#data, "incoming", name);
    try {
      const { lengthBytes, sha256 } = await this.#write(path, chunks);
      const id = uploadId(kind, sha256);
      const known = await this.find<Info>(kind, id);
      if (known !== null) return known;
      const info = await check({ id, lengthBytes, path });
      await Deno.rename(path, uploadPath(this.#data, { kind, id }));
      this.#storedBytes += lengthBytes;
      return await this.#catalog.putNew(kind, id, info);
    } finally {
      await Deno.remove(path).catch(() => {});
    }
  }

  async #write(
    path: string,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<{ lengthBytes: number; sha256: string }> {
    using file = await Deno.open(path, { write: true, createNew: true });
    const hash = createHash("sha256");
    let lengthBytes = 0;
    for await (const chunk of chunks) {
      lengthBytes += chunk.length;
      if (this.#storedBytes + lengthBytes > SERVER_LIMITS.storedBytes) {
        throw new HttpProblem(
          "full",
          `Uploads may have ${SERVER_LIMITS.storedBytes} bytes together`,
        );
      }
      hash.update(chunk);
      for (let at = 0; at < chunk.length;) {
        at += await file.write(chunk.subarray(at));
      }
    }
    await file.sync();
    return { lengthBytes, sha256: hash.digest("hex") };
  }
}
