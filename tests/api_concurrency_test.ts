import { assertEquals } from "@std/assert";
import type { CompareAnswer } from "../app/server/schemas.ts";
import { withServer } from "./_api.ts";

Deno.test("50 comparisons at once give the same hashes", async () => {
  await withServer(async ({ post }) => {
    const scenarios = [
      "D05-lb-source-ranges-in-cluster",
      "D13-flannel-never-enforced",
    ];
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const scenario = scenarios[index % scenarios.length]!;
        const response = await post("/compare", { scenario });
        assertEquals(response.status, 200);
        const { summary } = await response.json() as CompareAnswer;
        return `${scenario} ${JSON.stringify(summary)}`;
      }),
    );
    assertEquals(new Set(answers).size, scenarios.length);
  });
});
