/** Records so many runs in a catalog: `record_runs.ts PATH NAME COUNT`. */
import { Catalog } from "../../app/store/catalog.ts";

const [path, name, count] = Deno.args;
using catalog = await Catalog.open(path!);
for (let seed = 0; seed < Number(count); seed++) {
  await catalog.recordRun({
    id: `${name}${seed}`,
    scenario: "shop",
    stack: "ebpf",
    seed,
    digest: "d",
    events: 0,
    log: null,
    header: {},
  });
}
