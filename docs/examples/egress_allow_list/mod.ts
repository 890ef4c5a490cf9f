import { Cidr, definePlugin } from "plumbline";
import { z } from "zod";

/** Pods of a namespace with the annotation reach only the prefixes in it. */
export default definePlugin({
  manifest: {
    name: "egress-allow-list",
    version: "1.0.0",
    apiVersion: "v1",
    consumes: [],
    kinds: [],
    hooks: { check: { hook: "from-pod", priority: 10 } },
    scope: "flow",
    models: [],
  },
  options: z.strictObject({ annotation: z.string().default("egress/allow") }),
  initialState: () => null,
  evolve: (state: null) => state,
  compile: (_, { namespaces }, { annotation }) =>
    new Map([...namespaces].flatMap(([name, { annotations, source }]) => {
      const text = annotations[annotation];
      if (text === undefined) return [];
      const rule = { name: `egress of namespace ${name}`, text, source };
      return [[name, { rule, prefixes: text.split(" ").map(Cidr.parse) }]];
    })),
  attach: (lists) => ({
    check({ destination }, { pod, direction }) {
      const list = lists.get(pod?.namespace ?? "");
      if (list === undefined || direction === "reply") return undefined;
      const { rule, prefixes } = list;
      if (prefixes.includes(undefined)) {
        return { kind: "unknown", reason: "no list of prefixes", rule };
      }
      return prefixes.some((prefix) => prefix!.contains(destination))
        ? { kind: "accept", rule }
        : { kind: "drop", reason: "EGRESS_DENIED", rule };
    },
  }),
});
