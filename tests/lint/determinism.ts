/**
 * Lint rules of our own: the core and the plugins are pure, so that a replay
 * is a function of its inputs. `ambient` forbids clocks, randomness and I/O
 * there; `locale` forbids text order that depends on the machine; `imports`
 * keeps imports pointing down the layers.
 */

/** Globals that reach outside, with what to use instead. */
const AMBIENT: Readonly<Record<string, string>> = {
  Date: "time is context.nowNs, or timeNs of the event",
  performance: "time is context.nowNs, or timeNs of the event",
  Temporal: "time is context.nowNs, or timeNs of the event",
  crypto: "draws are context.draw, or drawUint32",
  Deno: "files, network and processes belong to app/",
  process: "files, network and processes belong to app/",
  fetch: "files, network and processes belong to app/",
  setTimeout: "the core is synchronous; time is on the tape",
  setInterval: "the core is synchronous; time is on the tape",
  Intl: "compare and format by code unit",
};

/** Members of globals that are fine in themselves. */
const AMBIENT_MEMBERS: Readonly<Record<string, string>> = {
  "Math.random": "draws are context.draw, or drawUint32",
};

const LOCALE_METHODS = new Set([
  "localeCompare",
  "toLocaleString",
  "toLocaleUpperCase",
  "toLocaleLowerCase",
]);

/** Built-in modules that are synchronous and deterministic. */
const PURE_BUILT_INS = new Set(["node:crypto", "node:zlib"]);

/** The layer of a file: `core`, a plugin's own folder, `app`, or null for tests and the rest. */
export function layerOf(path: string): string | null {
  const parts = path.replaceAll("\\", "/").split("/");
  for (let index = parts.length - 2; index >= 0; index--) {
    const part = parts[index];
    if (part === "core" || part === "app") return part;
    if (part === "plugins") return `plugins/${parts[index + 1]}`;
  }
  return null;
}

/** Why an import may not be made; null when it may. */
export function importProblem(from: string, specifier: string): string | null {
  const layer = layerOf(from);
  if (layer === null || layer === "app") return null;
  if (!specifier.startsWith(".")) {
    if (specifier.startsWith("node:")) {
      return PURE_BUILT_INS.has(specifier)
        ? null
        : `${layer} imports no ${specifier}: I/O belongs to app/`;
    }
    return null;
  }
  const target = layerOf(resolve(from, specifier));
  if (target === null || target === "core" || target === layer) return null;
  return layer === "core"
    ? `core imports nothing above it, and ${target} is`
    : `a plugin imports core only: ${layer} must not know ${target}`;
}

function resolve(from: string, specifier: string): string {
  const parts = from.replaceAll("\\", "/").split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function isPure(filename: string): boolean {
  if (/_test\.tsx?$|\/testing\.ts$/.test(filename)) return false;
  const layer = layerOf(filename);
  return layer !== null && layer !== "app" && layer !== "plugins/kernel";
}

const plugin: Deno.lint.Plugin = {
  name: "plumbline",
  rules: {
    ambient: {
      create(context) {
        if (!isPure(context.filename)) return {};
        return {
          MemberExpression(node) {
            if (node.object.type !== "Identifier") return;
            const member = node.property.type === "Identifier"
              ? `${node.object.name}.${node.property.name}`
              : node.object.name;
            const hint = AMBIENT[node.object.name] ?? AMBIENT_MEMBERS[member];
            if (hint !== undefined) {
              context.report({ node, message: `${member} is ambient`, hint });
            }
          },
          "NewExpression, CallExpression"(
            node: Deno.lint.NewExpression | Deno.lint.CallExpression,
          ) {
            if (node.callee.type !== "Identifier") return;
            const hint = AMBIENT[node.callee.name];
            if (hint !== undefined) {
              context.report({
                node,
                message: `${node.callee.name} is ambient`,
                hint,
              });
            }
          },
          AwaitExpression(node) {
            context.report({
              node,
              message: "the core and the plugins are synchronous",
              hint: "await in app/, and hand the data in",
            });
          },
        };
      },
    },
    locale: {
      create(context) {
        if (!isPure(context.filename)) return {};
        return {
          MemberExpression(node) {
            if (
              node.property.type === "Identifier" &&
              LOCALE_METHODS.has(node.property.name)
            ) {
              context.report({
                node,
                message: `${node.property.name} depends on the machine`,
                hint: "compare with < and >, code unit by code unit",
              });
            }
          },
        };
      },
    },
    imports: {
      create(context) {
        if (/_test\.tsx?$/.test(context.filename)) return {};
        const check = (
          node: Deno.lint.Node,
          specifier: string | undefined,
        ) => {
          if (specifier === undefined) return;
          const message = importProblem(context.filename, specifier);
          if (message !== null) context.report({ node, message });
        };
        return {
          ImportDeclaration: (node) => check(node, node.source.value),
          ExportAllDeclaration: (node) => check(node, node.source.value),
          ExportNamedDeclaration: (node) => check(node, node.source?.value),
        };
      },
    },
  },
};

export default plugin;
