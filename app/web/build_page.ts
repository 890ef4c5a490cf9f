import * as esbuild from "esbuild";
import type { Asset, Assets } from "../server/static_page.ts";

const HERE = new URL("./", import.meta.url);

const ENTRY = new URL("client/main.tsx", HERE).pathname;

/**
 * Packages that the page's code imports. They are looked up here and not by
 * esbuild, which knows nothing of Deno's package cache.
 */
const PACKAGES: Readonly<Record<string, string>> = {
  "node:crypto": new URL("_browser_crypto.ts", HERE).href,
  "preact": import.meta.resolve("preact"),
  "preact/hooks": import.meta.resolve("preact/hooks"),
  "preact/jsx-runtime": import.meta.resolve("preact/jsx-runtime"),
};

/**
 * The page in memory: one script, one style sheet, one icon and the HTML that
 * asks for them. Script and style carry the hash of their content in their
 * names, so browsers may keep them for ever.
 *
 * @example
 * ```ts ignore
 * const assets = await buildPage();
 * assets.get("/")?.type; // text/html; charset=utf-8
 * ```
 */
export async function buildPage(): Promise<Assets> {
  try {
    const [script, style] = await Promise.all([
      bundle({ entryPoints: [ENTRY], format: "esm" }),
      bundle({ entryPoints: [new URL("page.css", HERE).pathname] }),
    ]);
    const scriptPath = `/assets/page-${await contentHash(script)}.js`;
    const stylePath = `/assets/page-${await contentHash(style)}.css`;
    const [html, icon] = await Promise.all([
      Deno.readTextFile(new URL("page.html", HERE)),
      Deno.readFile(new URL("icon.svg", HERE)),
    ]);
    const linked = html
      .replace("/assets/page.js", scriptPath)
      .replace("/assets/page.css", stylePath);
    return new Map<string, Asset>([
      ["/", {
        type: "text/html; charset=utf-8",
        bytes: new TextEncoder().encode(linked),
      }],
      [scriptPath, { type: "text/javascript; charset=utf-8", bytes: script }],
      [stylePath, { type: "text/css; charset=utf-8", bytes: style }],
      ["/assets/icon.svg", { type: "image/svg+xml", bytes: icon }],
    ]);
  } finally {
    await esbuild.stop();
  }
}

async function bundle(
  options: esbuild.BuildOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { outputFiles } = await esbuild.build({
    ...options,
    bundle: true,
    write: false,
    minify: true,
    platform: "browser",
    target: "es2023",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    logLevel: "silent",
    tsconfigRaw: {},
    plugins: [packages],
  });
  return new Uint8Array(outputFiles![0]!.contents);
}

const packages: esbuild.Plugin = {
  name: "packages",
  setup(build) {
    build.onResolve({ filter: /^(?:preact|node:)/ }, ({ path }) => {
      const url = PACKAGES[path];
      return url === undefined ? undefined : { path: new URL(url).pathname };
    });
  },
};

async function contentHash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex().slice(0, 16);
}
