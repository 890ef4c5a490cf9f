/// <reference lib="dom" />
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { browserMissing, type OpenPage, withPage } from "./_browser.ts";

const D04 = "#scenario=D04-ipblock-means-different-things";
const D05 = "#scenario=D05-lb-source-ranges-in-cluster";

Deno.test({
  name: "the page does in a browser what it is for",
  // What the browser's driver keeps open is closed with the browser, not with each step.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async (test) => {
    const missing = browserMissing();
    if (missing !== null) {
      Deno.stderr.writeSync(
        new TextEncoder().encode(`not run: ${missing}\n`),
      );
      return;
    }
    await withPage(async (open) => {
      for (const [name, journey] of Object.entries(JOURNEYS)) {
        await test.step(name, async () => {
          await open.page.goto("about:blank");
          await journey(open);
          assertEquals(open.complaints, []);
        });
      }
    });
  },
});

type Journey = (open: OpenPage) => Promise<void>;

const JOURNEYS: Readonly<Record<string, Journey>> = {
  "the first visit replays three known divergences": firstVisit,
  "a cell of the matrix leads to journeys and both rules": openDivergence,
  "a hop tells its packet, its rule and what it passed before": chooseHop,
  "stacks of one's own choice stand for those of all scenarios": chooseStacks,
  "the log is scrubbed, the link keeps the place, divergences are found": scrub,
  "the map shows changed edges, by keyboard too": map,
  "rules show how often they had a say": rules,
  "costs are replayed over the number of Services": costs,
  "files are recognised, and what is wrong in them is shown": importFiles,
  "a comparison is kept as HTML, SARIF, JUnit and YAML": exportReports,
  "10,000 flows are filtered and walked through": manyFlows,
  "everything is reached by the keyboard alone": keyboardOnly,
  "assistive technology finds nothing amiss, light and dark": accessibility,
  "a narrow screen has no sideways scrolling, and motion can be reduced":
    narrow,
};

async function firstVisit({ page, origin, directory }: OpenPage) {
  await page.goto(origin);
  const cards = page.locator(".featured .card");
  await page.locator('.featured .card[aria-busy="false"]').nth(2).waitFor();
  const texts = await cards.allTextContents();
  assertEquals(
    texts.map((text) => text.slice(0, 3)),
    ["D13", "D06", "D05"],
  );
  assertStringIncludes(texts[0]!, "1 of 2 flows differ");
  assertStringIncludes(texts[1]!, "HTTP 404");
  await page.screenshot({ path: join(directory, "home.png") });
}

async function openDivergence({ page, origin, directory }: OpenPage) {
  await page.goto(origin);
  await page.locator(".matrix .cell", { hasText: "cilium" }).first().waitFor();
  const row = page.locator(".matrix tr", { hasText: "lb-source-ranges" });
  const cell = row.locator(".cell");
  assertStringIncludes(await cell.textContent() ?? "", "4 of 5");
  await cell.click();
  await page.locator(".lane").nth(1).waitFor();
  assertEquals(await page.locator(".pill.parts").count(), 2);
  const strip = await page.locator(".strip").textContent() ?? "";
  assertStringIncludes(strip, "KUBE-PROXY-FIREWALL");
  const why = await page.locator(".why").textContent() ?? "";
  assertStringIncludes(why, "kube-proxy: dropped, by filter KUBE-PROXY");
  const lines = page.locator(".manifest .at");
  await lines.nth(1).waitFor();
  assertMatch(await lines.first().textContent() ?? "", /34.*apiVersion/);
  await page.screenshot({ path: join(directory, "divergence.png") });
}

async function chooseHop({ page, origin }: OpenPage) {
  await page.goto(`${origin}/${D05}`);
  await page.locator(".pill", { hasText: "drop" }).first().click();
  const detail = await page.locator(".hop-detail").textContent() ?? "";
  assertStringIncludes(detail, "1.2.3.4:80");
  assertStringIncludes(detail, "filter KUBE-PROXY-FIREWALL:1");
}

async function chooseStacks({ page, origin }: OpenPage) {
  await page.goto(`${origin}/#stacks=cilium,kube-proxy`);
  const header = page.locator(".matrix thead th");
  await page.locator(".matrix .cell").first().waitFor();
  assertEquals((await header.allTextContents()).slice(2, 4), [
    "cilium",
    "kube-proxy",
  ]);
}

async function scrub({ page, origin }: OpenPage) {
  await page.goto(`${origin}/${D04}&view=events`);
  await page.getByRole("button", { name: "Next divergence" }).click();
  await page.waitForURL(/[#&]e=9\b/);
  const state = page.locator(".state");
  await state.getByText("After event 9").waitFor();
  await page.getByRole("slider", { name: "Event" }).focus();
  await page.keyboard.press("ArrowLeft");
  await state.getByText("After event 8").waitFor();
  // Event 8 brings the policy in.
  const changes = await page.locator(".change-added").textContent() ?? "";
  assertStringIncludes(changes, "NetworkPolicy default/web-egress");
  await page.waitForURL(/[#&]e=8\b/);
  const place = page.url();
  await page.goto("about:blank");
  await page.goto(place);
  await state.getByText("After event 8").waitFor();
}

async function map({ page, origin, directory }: OpenPage) {
  await page.goto(`${origin}/${D04}&view=map`);
  const removed = page.locator("g.edge-removed");
  await removed.first().focus();
  await page.keyboard.press("Enter");
  const facts = await page.locator(".edge-facts").textContent() ?? "";
  assertStringIncludes(facts, "forwarded 1 → 0");
  await page.getByRole("button", { name: "Only what breaks" }).click();
  assertEquals(await page.locator("g.edge-same").count(), 0);
  await page.screenshot({ path: join(directory, "map.png") });
}

async function rules({ page, origin }: OpenPage) {
  await page.goto(`${origin}/${D04}&view=rules`);
  const row = page.locator(".heat tbody tr", { hasText: "isolates egress" });
  await row.first().waitFor();
  await row.first().getByRole("button").click();
  const status = page.locator("#filter-status");
  await status.getByText(/^[1-3] of 4 flows$/).waitFor();
}

async function costs({ page, origin, directory }: OpenPage) {
  await page.goto(`${origin}/${D05}&view=cost`);
  await page.getByText("replayed up to 1,000 Services").waitFor();
  const rows = page.locator(".costs tbody tr");
  const numbers = async (text: string) => {
    const cells = await rows.filter({ hasText: text }).locator("td.number")
      .allTextContents();
    return cells.map(Number);
  };
  const scanned = await numbers("kube-proxyrules");
  assert(scanned.at(-1)! > 10 * scanned[0]!, `rules scanned: ${scanned}`);
  const lookups = await numbers("ciliumlookups");
  assertEquals(new Set(lookups).size, 1, `lookups: ${lookups}`);
  await page.screenshot({ path: join(directory, "costs.png") });
}

async function importFiles({ page, origin, directory }: OpenPage) {
  await page.goto(origin);
  await page.getByRole("button", { name: "Import" }).click();
  const input = page.locator('input[type="file"]');
  const give = async (name: string, text: string) => {
    const path = join(directory, name);
    await Deno.writeTextFile(path, text);
    await input.setInputFiles(path);
  };
  await give("broken.yaml", "apiVersion: v1\nkind: Service\nspec: [\n");
  const card = (name: string) =>
    page.locator(".imports .card", { hasText: name });
  await card("broken.yaml").getByText("broken.yaml:").first().waitFor();
  await give("cluster.yaml", [...OBJECTS, SECRET].join("---\n"));
  const found = card("cluster.yaml");
  await found.getByText("Recognised:").waitFor();
  assertStringIncludes(await found.textContent() ?? "", "Ignored: 1 Secret");
  await give("flows.jsonl", JSON.stringify(HUBBLE_FLOW));
  await page.getByRole("button", { name: "Replay through" }).click();
  const changed = page.locator(".virtual-row", { hasText: "10.0.1.5:81" });
  await changed.locator(".glyph-unexpected").waitFor();
  await page.getByRole("button", { name: "Import" }).click();
  await page.getByRole("button", { name: "Close" }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Import" }).click();
  await give("own.scenario.yaml", scenarioOf(3));
  await card("own.scenario.yaml").getByRole("button", { name: "Run" }).click();
  await page.getByRole("heading", { name: "own" }).waitFor();
  await page.locator("#filter-status").getByText("3 of 3 flows").waitFor();
}

async function exportReports({ page, origin, directory }: OpenPage) {
  await page.goto(`${origin}/${D05}`);
  const save = async (name: string) => {
    await page.locator(".menu summary", { hasText: "Export" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name }).click(),
    ]);
    const path = join(directory, download.suggestedFilename());
    await download.saveAs(path);
    await page.keyboard.press("Escape");
    return await Deno.readTextFile(path);
  };
  assertStringIncludes(await save("HTML, one file"), "KUBE-PROXY-FIREWALL");
  const sarif = JSON.parse(await save("SARIF"));
  assertEquals(sarif.runs[0].results[0].ruleId, "D05");
  assertStringIncludes(await save("JUnit XML"), "<testsuites");
  assertStringIncludes(await save("Scenario YAML"), "kind: Scenario");
}

async function manyFlows({ page, origin, directory }: OpenPage) {
  const run = await startRun(origin, scenarioOf(10_000));
  await page.goto(`${origin}/#run=${run}`);
  const status = page.locator("#filter-status");
  await status.getByText("10,000 of 10,000 flows").waitFor();
  const rows = page.locator("#flow-rows .virtual-row");
  assert(await rows.count() < 60, "rows out of sight exist");
  await page.keyboard.press("/");
  await page.keyboard.type("dst.port==81 && verdict!=same");
  await status.getByText("5,000 of 10,000 flows").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  await page.waitForURL(/flow=9999/);
  await page.getByText("flow 10000").waitFor();
  await page.locator(".lane").first().waitFor();
  const chosen = page.locator('.virtual-row[aria-selected="true"]');
  assertEquals(await chosen.getAttribute("aria-posinset"), "5000");
  await page.screenshot({ path: join(directory, "many.png") });
}

async function keyboardOnly({ page, origin }: OpenPage) {
  await page.goto(origin);
  await page.locator(".matrix .cell").first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("ranges");
  const link = page.locator(".matrix tbody th a");
  await page.waitForFunction(() =>
    document.querySelectorAll(".matrix tbody tr").length === 1
  );
  // Past the stacks and Run all to the scenario's name.
  for (let presses = 0; presses < 8; presses++) {
    await page.keyboard.press("Tab");
    if (await link.evaluate((node) => node === document.activeElement)) break;
  }
  await page.keyboard.press("Enter");
  await page.locator("#flow-title").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowDown");
  await page.waitForURL(/flow=1/);
  await page.keyboard.press("Enter");
  assertEquals(await focused(page), "flow-title");
  await page.keyboard.press("Escape");
  assertEquals(await focused(page), "flow-rows");
}

async function accessibility({ page, origin }: OpenPage) {
  const axe = createRequire(import.meta.url).resolve("axe-core");
  const places = [
    ["", ".matrix .cell"],
    [D05, ".manifest"],
    [`${D04}&view=events&e=8`, ".changes"],
    [`${D04}&view=map`, ".map-drawing"],
    [`${D04}&view=rules`, ".heat"],
    [`${D05}&view=cost`, ".costs tbody"],
  ] as const;
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [place, ready] of places) {
      await page.goto("about:blank");
      await page.goto(`${origin}/${place}`);
      await page.locator(ready).first().waitFor();
      const found = await violations(page, axe);
      assertEquals(found, [], `${colorScheme} ${place}`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.getByRole("button", { name: "Import" }).click();
  await page.locator("dialog").waitFor();
  assertEquals(await violations(page, axe), []);
}

async function narrow({ page, origin, directory }: OpenPage) {
  await page.setViewportSize({ width: 420, height: 900 });
  await page.emulateMedia({ reducedMotion: "reduce" });
  for (const place of ["", D05, `${D04}&view=events`, `${D04}&view=map`]) {
    await page.goto("about:blank");
    await page.goto(`${origin}/${place}`);
    await page.locator("main").waitFor();
    const width = await page.evaluate(() =>
      document.documentElement.scrollWidth
    );
    assertEquals(width, 420, place);
  }
  const duration = await page.evaluate(() => {
    const busy = document.createElement("p");
    busy.className = "busy";
    document.body.append(busy);
    return getComputedStyle(busy).animationName;
  });
  assertEquals(duration, "none");
  await page.goto(`${origin}/${D05}`);
  await page.locator(".manifest").first().waitFor();
  await page.screenshot({ path: join(directory, "narrow.png") });
}

function focused(page: Page): Promise<string | undefined> {
  return page.evaluate(() => document.activeElement?.id);
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** What axe-core has against the page; it is brought in past the page's own policy. */
async function violations(page: Page, axe: string): Promise<string[]> {
  await page.evaluate(await Deno.readTextFile(axe));
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: Violation[] }> };
    };
    return (await axe.run()).violations;
  });
  return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

async function startRun(origin: string, scenario: string): Promise<string> {
  const post = async (path: string, type: string, body: string) => {
    const response = await fetch(origin + path, {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    const answer = await response.json();
    assert(response.ok, JSON.stringify(answer));
    return answer.id as string;
  };
  const id = await post("/scenarios", "application/yaml", scenario);
  const request = JSON.stringify({ scenario: id });
  return await post("/runs", "application/json", request);
}

const SECRET = `apiVersion: v1
kind: Secret
metadata: { name: token, namespace: shop }
`;

const NODE = `apiVersion: v1
kind: Node
metadata: { name: n1 }
spec: { podCIDR: 10.0.1.0/24 }
status:
  addresses: [{ type: InternalIP, address: 172.18.0.2 }]
`;

/** Admits port 80 alone; kube-proxy has no engine for it. */
const POLICY = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web, namespace: shop }
spec:
  podSelector: { matchLabels: { app: web } }
  ingress: [{ ports: [{ port: 80 }] }]
`;

function pod(name: string, ip: string): string {
  return `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }
spec: { nodeName: n1, containers: [{ name: app }] }
status: { podIP: ${ip}, podIPs: [{ ip: ${ip} }], phase: Running }
`;
}

const OBJECTS = [
  NODE,
  pod("client", "10.0.1.4"),
  pod("web", "10.0.1.5"),
  POLICY,
];

/** A connection to the port that the policy does not admit. */
const HUBBLE_FLOW = {
  flow: {
    time: "2026-01-01T00:00:00Z",
    verdict: "FORWARDED",
    IP: { source: "10.0.1.4", destination: "10.0.1.5", ipVersion: "IPv4" },
    l4: {
      TCP: { source_port: 41_000, destination_port: 81, flags: { SYN: true } },
    },
    source: { namespace: "shop", pod_name: "client" },
    destination: { namespace: "shop", pod_name: "web" },
    Type: "L3_L4",
    event_type: { type: 4 },
    is_reply: false,
  },
  node_name: "n1",
  time: "2026-01-01T00:00:00Z",
};

/** A scenario of so many flows; the later half differs. */
function scenarioOf(flows: number): string {
  const half = Math.floor(flows / 2);
  const item = (object: string) =>
    `      - ${object.trimEnd().replaceAll("\n", "\n        ")}\n`;
  const send = (port: number, count: number) =>
    `send: { from: pod/shop/client, to: "tcp://10.0.1.5:${port}", count: ${count} }`;
  return `apiVersion: plumbline/v1
kind: Scenario
metadata: { name: own }
seed: 1
stacks:
  kube-proxy: { use: kube-proxy, clusterCIDR: 10.0.0.0/16 }
  cilium: { use: cilium }
steps:
  - name: all there is
    at: 0s
    apply:
${OBJECTS.map(item).join("")}
  - name: the port that is admitted
    at: 1s
    ${send(80, flows - half)}
  - name: the port that is not
    at: 2s
    ${send(81, half)}
`;
}
