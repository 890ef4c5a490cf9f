import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { createHash as createBrowserHash } from "./_browser_crypto.ts";

Deno.test("createHash() in a browser digests as the runtime's own does", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1_000]) {
    const text = "ä-rule ".repeat(length).slice(0, length);
    assertEquals(
      createBrowserHash("sha256").update(text).digest("hex"),
      createHash("sha256").update(text).digest("hex"),
    );
  }
});
