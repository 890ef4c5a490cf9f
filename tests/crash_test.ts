import { assert, assertEquals } from "@std/assert";
import { readFileLog } from "../app/store/file_log.ts";
import { crashEvents } from "./_crash/events.ts";

const KILLS = 20;
const WRITER = new URL("./_crash/append_blocks.ts", import.meta.url).pathname;

Deno.test("a log loses no acknowledged block to kill -9, and goes on", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "plumbline-crash-" });
  const path = `${folder}/run.dplog`;
  try {
    let acknowledged = 0;
    let random = 20_260_101;
    for (let kill = 0; kill < KILLS; kill++) {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      const blocks = 1 + (random >>> 8) % 30;
      const delayMs = (random >>> 16) % 4;
      const heard = await killAfter(path, { blocks, delayMs });
      assert(heard > acknowledged, "the log goes on where it was");
      acknowledged = checkLog(path, heard);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** Lets a writer append so many blocks and a little longer, and kills it; returns the last position it printed. */
async function killAfter(
  path: string,
  { blocks, delayMs }: { readonly blocks: number; readonly delayMs: number },
): Promise<number> {
  const writer = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", WRITER, path],
    stdout: "piped",
  }).spawn();
  let text = "";
  let killed = false;
  for await (const chunk of writer.stdout) {
    text += new TextDecoder().decode(chunk);
    if (!killed && text.split("\n").length > blocks) {
      killed = true;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      writer.kill("SIGKILL");
    }
  }
  await writer.status;
  // The last line may be torn as well; all whole ones are acknowledgements.
  return Number(text.split("\n").at(-2));
}

/** Checks every event against the function it came from; returns the head. */
function checkLog(path: string, acknowledged: number): number {
  using log = readFileLog(path);
  const head = log.head.position;
  assert(head >= acknowledged, `${acknowledged} acknowledged, ${head} there`);
  const events = [...log.read()];
  assertEquals(events.length, head);
  assertEquals(log.verify().events, head);
  for (let position = 0; position < head;) {
    const block = crashEvents(position);
    assertEquals(events.slice(position, position + block.length), block);
    position += block.length;
  }
  return head;
}
