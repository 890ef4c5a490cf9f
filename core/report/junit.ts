/** One check as JUnit counts it. */
export interface JUnitCase {
  readonly suite: string;
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  /** One line on why it failed or was skipped. */
  readonly message?: string;
  /** The whole story. */
  readonly details?: string;
  readonly file?: string;
  readonly line?: number;
}

/** JUnit XML, as CI systems read it; times are left out, they would differ between runs. */
export function junitXml(cases: readonly JUnitCase[]): string {
  const suites = new Map<string, JUnitCase[]>();
  for (const item of cases) {
    const list = suites.get(item.suite);
    if (list === undefined) suites.set(item.suite, [item]);
    else list.push(item);
  }
  const body = [...suites].map(([name, items]) => suiteXml(name, items));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${counts(cases)}>`,
    ...body,
    "</testsuites>",
    "",
  ].join("\n");
}

function suiteXml(name: string, items: readonly JUnitCase[]): string {
  return [
    `  <testsuite name="${escapeXml(name)}"${counts(items)}>`,
    ...items.map(caseXml),
    "  </testsuite>",
  ].join("\n");
}

function caseXml(item: JUnitCase): string {
  const place = [
    item.file === undefined ? "" : ` file="${escapeXml(item.file)}"`,
    item.line === undefined ? "" : ` line="${item.line}"`,
  ].join("");
  const open = `    <testcase classname="${escapeXml(item.suite)}" name="${
    escapeXml(item.name)
  }"${place}`;
  if (item.status === "passed") return `${open}/>`;
  const tag = item.status === "failed" ? "failure" : "skipped";
  const message = escapeXml(item.message ?? "");
  const details = escapeXml(item.details ?? "");
  return `${open}>\n      <${tag} message="${message}">${details}</${tag}>\n    </testcase>`;
}

function counts(items: readonly JUnitCase[]): string {
  const of = (status: JUnitCase["status"]) =>
    items.filter((item) => item.status === status).length;
  return ` tests="${items.length}" failures="${of("failed")}" skipped="${
    of("skipped")
  }"`;
}

/** Escapes text for XML 1.0 and drops the control characters it cannot hold. */
export function escapeXml(text: string): string {
  return text
    // deno-lint-ignore no-control-regex
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
