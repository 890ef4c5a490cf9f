/** A file of the page. */
export interface Asset {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The files of the page by path: `/`, `/page.js`. */
export type Assets = ReadonlyMap<string, Asset>;

/** Where the files of the page are in a data directory. */
export const PAGE_FILE = "page.json";

const PLACEHOLDER = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Plumbline</title>
<h1>Plumbline</h1>
<p>The page is not built. The API is here: <a href="/docs">/docs</a>.</p>
</html>
`;

/** The files of the page as they go from the process that builds it to the server. */
export type PackedAssets = Readonly<
  Record<string, { readonly type: string; readonly base64: string }>
>;

/** Packs files to be kept as JSON. */
export function packAssets(assets: Assets): PackedAssets {
  return Object.fromEntries(
    [...assets].map(([path, { type, bytes }]) => [
      path,
      { type, base64: bytes.toBase64() },
    ]),
  );
}

/** The files that were packed into a file; a placeholder until there is one. */
export async function loadAssets(file: string): Promise<Assets> {
  const assets = new Map<string, Asset>();
  try {
    const packed = JSON.parse(await Deno.readTextFile(file)) as PackedAssets;
    for (const [path, { type, base64 }] of Object.entries(packed)) {
      assets.set(path, { type, bytes: Uint8Array.fromBase64(base64) });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (!assets.has("/")) {
    const bytes = new TextEncoder().encode(PLACEHOLDER);
    assets.set("/", { type: "text/html; charset=utf-8", bytes });
  }
  return assets;
}

/** Names with a hash of what they hold, which browsers may keep for ever. */
const HASHED = /-[0-9a-zA-Z]{8,}\.\w+$/;

/** The answer for a path of the page; only what is in memory can be asked for. */
export function serveAsset(assets: Assets, path: string): Response | undefined {
  const asset = assets.get(path);
  if (asset === undefined) return undefined;
  const kept = HASHED.test(path)
    ? "public, max-age=31536000, immutable"
    : "no-cache";
  return new Response(asset.bytes, {
    headers: { "content-type": asset.type, "cache-control": kept },
  });
}
