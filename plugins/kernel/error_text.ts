/** What went wrong, in one line. */
export function errorText(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) {
    const tool = /"([^"]+)"/.exec(error.message)?.[1];
    return tool === undefined ? oneLine(error.message) : `no ${tool} here`;
  }
  if (error instanceof Deno.errors.NotCapable) {
    return "Deno was not given --allow-all";
  }
  return oneLine(error instanceof Error ? error.message : String(error));
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 300);
}
