import { assertEquals } from "@std/assert";
import { ANSI } from "../../core/report/palette.ts";
import { safeText } from "./_terminal.ts";

Deno.test("safeText() keeps our colours, and lets no input hide or move text", () => {
  const ours = Object.values(ANSI).map((colour) => colour("a")).join(" ");
  assertEquals(safeText(ours), ours);
  assertEquals(safeText("\x1b[8mno\x1b[2J"), "\\u001b[8mno\\u001b[2J");
});
