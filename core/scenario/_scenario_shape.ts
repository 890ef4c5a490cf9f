import { LIMITS } from "../limits.ts";
import { Ip } from "../packet/ip.ts";
import { fieldList } from "./_expect_shape.ts";
import { entries, mapping, may, must } from "./_mapping.ts";
import {
  integer,
  list,
  nameOf,
  orMapping,
  type ReadAs,
  refine,
  text,
  textAs,
  word,
} from "./_shape.ts";
import { stacksShape } from "./_stack_shape.ts";
import { fileList, stepShape } from "./_step_shape.ts";
import type { ExpectedDivergence, ExternalRecord } from "./scenario.ts";
import { CLASS_WORDS, METRIC_WORDS } from "./words.ts";

const ENTRIES = { max: LIMITS.scenarioEntries };
const ONE_OR_MORE = { ...ENTRIES, orOne: true };
const words = entries(text(), ENTRIES);

const metadata = mapping({
  name: must(text(), "What the scenario is called."),
  id: may(text(), "Id in the catalogue: D05."),
  description: may(text(), "What is set up, for people."),
  labels: may(words, "Anything to sort scenarios by."),
  refs: may(list(text(), ENTRIES), "Where the outcomes are documented."),
  versions: may(words, "Versions that the expectations are about."),
});

const addresses = list(
  textAs((written) => Ip.parse(written)?.text, "an IPv4 or IPv6 address"),
  ONE_OR_MORE,
);

const records = refine(
  entries(
    orMapping(
      refine(addresses, (read) => ({ addresses: read, alias: null })),
      refine(
        mapping({ alias: must(text(), "The name it stands for.") }),
        ({ alias }) => ({ addresses: [], alias }),
      ),
    ),
    ENTRIES,
  ),
  (read): readonly ExternalRecord[] =>
    read.map(({ key, value, at }) => ({ name: key, at, ...value })),
);

const divergence = refine(
  mapping({
    id: must(text(), "Id in the catalogue: D05."),
    step: may(
      list(nameOf("step"), ONE_OR_MORE),
      "Steps it is to show in; where steps name it, or anywhere, when left out.",
    ),
    stacks: may(
      list(nameOf("stack"), ONE_OR_MORE),
      "Stacks it is to show in; any one of them when left out.",
    ),
    on: may(fieldList, "Fields it shows in; any when left out."),
    class: may(
      word(CLASS_WORDS),
      "Whether the specification decides, leaves it open, or to implementations.",
    ),
    why: may(text(), "What makes the difference, for people."),
  }),
  (read): ExpectedDivergence => ({
    id: read.id,
    at: read.position,
    steps: read.step ?? [],
    stacks: read.stacks ?? [],
    on: read.on ?? [],
    class: read.class ?? null,
    why: read.why ?? null,
  }),
);

const cost = refine(
  mapping({
    stack: must(nameOf("stack"), "The stack."),
    metric: must(word(METRIC_WORDS), "What is counted."),
    max: must(
      integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      "The most that one flow may cost.",
    ),
    step: may(nameOf("step"), "The step; every step when left out."),
  }),
  ({ position, step, ...read }) => ({
    ...read,
    at: position,
    step: step ?? null,
  }),
);

/** The whole form. */
export const scenarioShape = mapping({
  apiVersion: must(
    // The form was proposed under the second name, and files of that time are still about.
    word({ "plumbline/v1": "plumbline/v1", "testbench/v1": "plumbline/v1" }),
    "Version of this form.",
  ),
  kind: must(word({ Scenario: "Scenario" }), "Scenario."),
  metadata: must(metadata, "Who it is."),
  seed: may(
    integer({ min: 0, max: 0xffff_ffff }),
    "The only source of randomness; 0 when left out.",
  ),
  needs: may(
    list(text(), ONE_OR_MORE),
    "Paths without which the scenario is not run.",
  ),
  fixtures: may(
    fileList,
    "Manifests there from the start: files, directories.",
  ),
  stacks: may(stacksShape, "What to replay through, by name."),
  baseline: may(nameOf("stack"), "The stack the others are compared with."),
  vars: may(words, "Values for ${name}."),
  records: may(records, "DNS records from outside the cluster."),
  steps: must(
    list(stepShape, { max: LIMITS.scenarioSteps }),
    "What happens, in order.",
  ),
  divergences: may(
    list(divergence, ENTRIES),
    "Known divergences that are to show; any other is a failure.",
  ),
  cost: may(list(cost, ENTRIES), "Bounds on what a flow may cost."),
});

/** The form as it is read. */
export type ScenarioRead = ReadAs<typeof scenarioShape>;
