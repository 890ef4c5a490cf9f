import { PROBLEM_KINDS } from "./problem.ts";
import type { AnyRoute } from "./route.ts";
import { NAMED_SCHEMAS } from "./schemas.ts";

/** Where the page's style is: it may have none of its own inside. */
export const DOCS_STYLE_PATH = "/docs.css";

/** The style of the page. */
export const DOCS_STYLE = `:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
section { border-top: 1px solid; margin-top: 2rem; }
th { text-align: left; padding-right: 1rem; vertical-align: top; font-weight: normal; }
h3 { margin-bottom: 0; }
`;

/** The API as a page that is read without any script. */
export function docsPage(routes: readonly AnyRoute[]): string {
  const tags = [...new Set(routes.map(({ tag }) => tag))];
  const sections = tags.map((tag) =>
    `<section id="${id(tag)}"><h2>${escape(tag)}</h2>
${routes.filter((route) => route.tag === tag).map(routeHtml).join("\n")}
</section>`
  );
  const problems = Object.entries(PROBLEM_KINDS).map((
    [kind, { status, title }],
  ) =>
    `<tr><th><code>urn:plumbline:problem:${kind}</code><td>${status}<td>${
      escape(title)
    }`
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Plumbline API</title>
<link rel="stylesheet" href="${DOCS_STYLE_PATH}">
<h1>Plumbline API</h1>
<p>The same as an OpenAPI 3.1 document, with every schema: <a href="/openapi.json">/openapi.json</a>.
<nav><ul>${
    tags.map((tag) => `<li><a href="#${id(tag)}">${escape(tag)}</a>`).join("")
  }<li><a href="#problems">Problems</a></ul></nav>
${sections.join("\n")}
<section id="problems"><h2>Problems</h2>
<p>Every error is <code>application/problem+json</code> (RFC 9457).
<table>${problems.join("\n")}</table></section>
</html>
`;
}

function routeHtml(route: AnyRoute): string {
  const { method, path, summary, headers = {}, body, answers } = route;
  const rows = [
    ...fieldRows("query", route.query),
    ...Object.entries(headers).map(([name, about]) =>
      row(`header <code>${escape(name)}</code>`, escape(about))
    ),
    ...(body === undefined ? [] : [row("body", bodyText(body))]),
    ...Object.entries(answers).map(
      ([status, { description, schema, type }]) => {
        const named = schema === undefined
          ? undefined
          : NAMED_SCHEMAS.get(schema);
        const what = named?.id ?? type;
        const shown = what === undefined ? "" : ` <code>${escape(what)}</code>`;
        return row(status, escape(description) + shown);
      },
    ),
  ];
  return `<h3><code>${method.toUpperCase()} ${escape(path)}</code></h3>
<p>${escape(summary)}
<table>${rows.join("\n")}</table>`;
}

function fieldRows(where: string, schema: AnyRoute["query"]): string[] {
  const shape = (schema as unknown as { shape?: Record<string, unknown> })
    ?.shape ?? {};
  return Object.entries(shape).map(([name, field]) => {
    const { description = "" } = field as { description?: string };
    return row(`${where} <code>${escape(name)}</code>`, escape(description));
  });
}

function bodyText(body: NonNullable<AnyRoute["body"]>): string {
  if (body.kind === "raw") {
    const types = body.types.map((type) => `<code>${escape(type)}</code>`);
    return `${escape(body.description)} ${types.join(" ")}`;
  }
  const named = NAMED_SCHEMAS.get(body.schema);
  return `<code>application/json</code> <code>${
    escape(named?.id ?? "")
  }</code>`;
}

function row(name: string, about: string): string {
  return `<tr><th>${name}<td>${about}`;
}

function id(tag: string): string {
  return tag.toLowerCase().replaceAll(/\W+/g, "-");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
