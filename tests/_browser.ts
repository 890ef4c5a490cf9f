import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { openServer } from "../app/server/open_server.ts";
import { buildPage } from "../app/web/build_page.ts";

/** Where Debian's package puts it. */
const CHROMIUM = "/usr/bin/chromium";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Why there is no browser here; null when there is one. */
export function browserMissing(): string | null {
  try {
    Deno.statSync(CHROMIUM);
    return null;
  } catch {
    return `${CHROMIUM} is missing`;
  }
}

/** The page in a browser, served by a server of its own. */
export interface OpenPage {
  readonly page: Page;
  /** Of the server: `http://127.0.0.1:4711`. */
  readonly origin: string;
  /** Errors of scripts, violations of the policy, answers of 500 and more. */
  readonly complaints: readonly string[];
  /** Directory for screenshots; goes with the page. */
  readonly directory: string;
}

/** Opens the page in a fresh browser, and closes all that was started. */
export async function withPage(
  use: (open: OpenPage) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "plumbline-page-" });
  const complaints: string[] = [];
  const server = await openServer({
    data: join(directory, "data"),
    assets: await buildPage(),
    report: (error) => complaints.push(String(error)),
  });
  const listener = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    server.app.fetch,
  );
  let browser: BrowserContext | undefined;
  try {
    browser = await chromium.launchPersistentContext(
      join(directory, "profile"),
      {
        executablePath: CHROMIUM,
        headless: true,
        args: FLAGS,
        viewport: { width: 1_400, height: 900 },
        acceptDownloads: true,
      },
    );
    const page = browser.pages()[0] ?? await browser.newPage();
    page.setDefaultTimeout(15_000);
    collectComplaints(page, complaints);
    const origin = `http://127.0.0.1:${listener.addr.port}`;
    await use({ page, origin, complaints, directory });
  } finally {
    await browser?.close();
    await listener.shutdown();
    await server.stop(0);
    await Deno.remove(directory, { recursive: true });
  }
}

function collectComplaints(page: Page, complaints: string[]): void {
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    const text = message.text();
    // The browser says so itself of every answer that is a problem; those tests look at.
    if (message.type() === "error" && !text.startsWith("Failed to load")) {
      complaints.push(text);
    }
  });
  page.on("response", (response) => {
    if (response.status() >= 500) {
      complaints.push(`${response.status()} ${response.url()}`);
    }
  });
}
