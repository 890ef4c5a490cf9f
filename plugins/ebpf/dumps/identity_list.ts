import { DumpReader, type DumpSource } from "./dump_reader.ts";

/** Labels by the number of the identity that has them, as `source:key=value`, sorted. */
export type IdentityLabels = ReadonlyMap<number, readonly string[]>;

const U32 = 0xffffffff;
const MOST_LABELS = 1_000;

/**
 * Reads `cilium-dbg identity list`, with `-o json` or as a table. Throws an {@link InputError} with
 * every problem.
 *
 * @example
 * ```ts
 * readIdentityList('[{"id": 1, "labels": ["reserved:host"]}]', { file: "identities.json" });
 * ```
 */
export function readIdentityList(
  text: string,
  { file }: DumpSource,
): IdentityLabels {
  const reader = new DumpReader(text, { file, what: "a list of identities" });
  const identities = new Map<number, readonly string[]>();
  if (reader.tabular) {
    for (const [id, labels] of reader.entries()) {
      const number = /^\d{1,10}$/.test(id) ? Number(id) : U32 + 1;
      const texts = reader.items(labels, id).map(String);
      if (number <= U32) identities.set(number, texts.sort());
      else {
        reader.fail(reader.root, id, {
          reason: `${id} is no identity`,
          expected: "a number and its labels, three spaces between",
        });
      }
    }
    reader.end();
    return identities;
  }
  for (const object of reader.objects()) {
    const id = reader.number(object, "id", U32);
    const labels = object["labels"];
    const known = Array.isArray(labels) && labels.length <= MOST_LABELS &&
      labels.every((label) => typeof label === "string");
    if (known) identities.set(id, [...labels].sort());
    else {
      reader.fail(object, "labels", {
        reason: "labels are no list of texts",
        expected: '["k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"]',
      });
    }
  }
  reader.end();
  return identities;
}

/** Writes identities as the command line does. */
export function printIdentityList(identities: IdentityLabels): string {
  return JSON.stringify(
    [...identities].sort(([a], [b]) => a - b)
      .map(([id, labels]) => ({ id, labels })),
    null,
    2,
  );
}
