import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Action, checkPlugin, HOOKS } from "plumbline";
import example from "./examples/egress_allow_list/mod.ts";

const PAGE = Deno.readTextFileSync(new URL("plugins.md", import.meta.url));
const EXAMPLE = new URL("examples/egress_allow_list/mod.ts", import.meta.url);

Deno.test("plugins.md quotes the example as it is, in less than 40 lines", () => {
  const [, quoted] = /```ts\n([^]*?)```/.exec(PAGE)!;
  assertEquals(quoted, Deno.readTextFileSync(EXAMPLE));
  assert(quoted!.trimEnd().split("\n").length < 40);
});

Deno.test("plugins.md has every hook, action and law", () => {
  for (const hook of HOOKS) assertStringIncludes(PAGE, `| \`${hook}\``);
  const actions: Record<Action["kind"], true> = {
    accept: true,
    rewrite: true,
    drop: true,
    reject: true,
    encrypt: true,
    encapsulate: true,
    proxy: true,
    bypass: true,
    route: true,
    unknown: true,
  };
  for (const action of Object.keys(actions)) {
    assertStringIncludes(PAGE, `| \`${action}\``);
  }
  const text = PAGE.replace(/\s+/g, " ");
  for (const { law } of checkPlugin(example)) assertStringIncludes(text, law);
});
