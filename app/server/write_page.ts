/**
 * Builds the page and writes its files, packed, where the server reads them:
 * `write_page.ts FILE`. A process of its own, since the bundler takes
 * permissions that the server has no use for.
 */
import { dirname } from "node:path";
// The bundler reads it from the package cache, where this brings it.
import "preact";
import { buildPage } from "../web/build_page.ts";
import { packAssets } from "./static_page.ts";

const [file] = Deno.args;
if (file !== undefined) {
  const packed = JSON.stringify(packAssets(await buildPage()));
  await Deno.mkdir(dirname(file), { recursive: true });
  await Deno.writeTextFile(file, packed);
}
