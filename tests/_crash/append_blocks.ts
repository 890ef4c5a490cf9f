/**
 * Appends blocks to the log at PATH for ever, and prints each position that
 * the log acknowledged. Made to be killed.
 */
import { openFileLog } from "../../app/store/file_log.ts";
import { CRASH_HEADER, crashEvents } from "./events.ts";

using log = openFileLog(Deno.args[0]!, CRASH_HEADER);
for (;;) {
  const { position } = log.append(crashEvents(log.head.position));
  Deno.stdout.writeSync(new TextEncoder().encode(`${position}\n`));
}
