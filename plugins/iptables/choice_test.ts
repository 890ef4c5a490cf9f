import { assert, assertEquals } from "@std/assert";
import { pod, run, service } from "./_fixtures.ts";

const PODS = ["a", "b", "c"].map((name, index) =>
  pod(name, { node: "n1", ip: `10.244.0.2${index}`, app: "three" })
);
const THREE = service(
  "three",
  "clusterIP: 10.96.0.3, ports: [{ port: 80, targetPort: 8080 }]",
  { app: "three" },
);

Deno.test("a choice has the shares of the kernel's 31-bit probabilities", () => {
  const [result] = run(
    { manifests: [...PODS, THREE] },
    { from: "pod/shop/client", to: "tcp://10.96.0.3:80" },
  );
  const first = Math.round(0.3333333333 * 2 ** 31) / 2 ** 31;
  assertEquals(result!.outcome.backends, [
    { backend: "10.244.0.20:8080", weight: first },
    { backend: "10.244.0.21:8080", weight: (1 - first) / 2 },
    { backend: "10.244.0.22:8080", weight: (1 - first) / 2 },
  ]);
});

Deno.test("a choice is spread over its alternatives as their shares say", () => {
  const flows = Array.from({ length: 900 }, () => ({
    from: "pod/shop/client",
    to: "tcp://10.96.0.3:80",
  }));
  const picks = new Map<string, number>();
  for (const { outcome } of run({ manifests: [...PODS, THREE] }, ...flows)) {
    picks.set(outcome.backend!, (picks.get(outcome.backend!) ?? 0) + 1);
  }
  assertEquals(picks.size, 3);
  for (const [backend, count] of picks) {
    assert(count > 240 && count < 360, `${backend} was picked ${count} times`);
  }
});
