import { dirname, resolve } from "node:path";
import * as esbuild from "esbuild";
import { InputError } from "../../core/errors.ts";

/** A third party's plugin as one module. */
export interface PluginBundle {
  readonly path: string;
  /** ES module text without imports. */
  readonly code: string;
  /** Its identity: sha256 over the code, in hex. */
  readonly sha256: string;
}

const API = new URL("../../core/plugin_api.ts", import.meta.url).pathname;
const CORE = new URL("../../core/", import.meta.url).pathname;

/** Most a plugin may weigh. */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * Bundles the plugin at a path into one module. It may import its own files
 * and `plumbline`, nothing else: no package, no built-in of the runtime, no
 * URL. Dynamic import is compiled away. Its own files are those below one of
 * the roots, and below its own directory: what is bundled can come out again
 * in what a plugin says of a packet.
 */
export async function bundlePlugin(
  path: string,
  { roots = [] }: { readonly roots?: readonly string[] } = {},
): Promise<PluginBundle> {
  try {
    const own = [dirname(resolve(path)), ...roots].map(realDirectory);
    const result = await esbuild.build({
      entryPoints: [path],
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      target: "es2022",
      plugins: [ownFilesOnly(own)],
      supported: { "dynamic-import": false },
      legalComments: "none",
      logLevel: "silent",
    });
    const code = result.outputFiles[0]!.text;
    if (code.length > MOST_BYTES) {
      throw bundleError(path, `it is larger than ${MOST_BYTES} bytes`);
    }
    return { path, code, sha256: await sha256Hex(code) };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    throw new InputError(error.errors.map((message) => ({
      message: `Cannot bundle plugin ${path}: ${message.text}`,
      at: {
        file: message.location?.file ?? path,
        line: message.location?.line ?? 1,
        column: (message.location?.column ?? 0) + 1,
      },
      ...(message.location?.lineText
        ? { excerpt: message.location.lineText }
        : {}),
      expected: "a module that imports its own files and `plumbline` only",
    })));
  } finally {
    await esbuild.stop();
  }
}

/** Resolves `plumbline` and a plugin's own files; refuses everything else. */
function ownFilesOnly(roots: readonly string[]): esbuild.Plugin {
  const allowed = [...roots, CORE];
  return {
    name: "own-files-only",
    setup(build) {
      build.onResolve({ filter: /^plumbline$/ }, () => ({ path: API }));
      build.onResolve(
        { filter: /^[^./]/ },
        ({ path, kind }) =>
          kind === "entry-point" ? undefined : {
            errors: [{ text: `Could not resolve "${path}"` }],
          },
      );
      build.onLoad({ filter: /.*/ }, ({ path }) => {
        const real = Deno.realPathSync(path);
        if (allowed.some((root) => real.startsWith(root))) return undefined;
        return {
          errors: [{ text: `${path} is none of the plugin's own files` }],
        };
      });
    },
  };
}

/** A directory as paths below it begin. */
function realDirectory(path: string): string {
  return Deno.realPathSync(path).replace(/\/*$/, "/");
}

function isBuildFailure(error: unknown): error is esbuild.BuildFailure {
  return error instanceof Error && "errors" in error &&
    Array.isArray(error.errors);
}

function bundleError(path: string, reason: string): InputError {
  return new InputError([{
    message: `Cannot bundle plugin ${path}: ${reason}`,
    at: { file: path, line: 1, column: 1 },
  }]);
}

async function sha256Hex(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex();
}
