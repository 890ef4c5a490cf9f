/** The same inputs give the same bytes: twice, in any load order, in any number of shards and processes. */
import { assert, assertEquals } from "@std/assert";
import { loadStack, stackNamed } from "../app/load_stack.ts";
import { mergeShards, replay } from "../core/replay/engine.ts";
import type { Stack } from "../core/replay/plugin.ts";
import { standardTape } from "../core/replay/standard_tape.ts";
import { syntheticTape } from "./bench/synthetic_cluster.ts";

const STACKS = ["kube-proxy", "cilium", "istio", "ingress-nginx"];

/** The plugins in another order, as if their files had been loaded so. */
function reversed(stack: Stack): Stack {
  return { ...stack, plugins: stack.plugins.toReversed() };
}

Deno.test("a replay gives the same hash twice and with plugins loaded in reverse", async () => {
  const all = await loadStack({
    ...stackNamed("cilium"),
    uses: ["cilium", "istio", "wireguard", "gateway-api"].map((use) =>
      stackNamed(use).uses[0]!
    ),
  });
  const options = { seed: 11, trace: "full" } as const;
  const first = replay(standardTape(), all, options);
  assertEquals(replay(standardTape(), all, options).hash, first.hash);
  assertEquals(replay(standardTape(), reversed(all), options).hash, first.hash);
});

Deno.test("three shards give the hash of one", async () => {
  const size = { services: 30, pods: 90, policies: 20, nodes: 4 };
  const tape = syntheticTape(size, 2_000);
  for (const name of STACKS) {
    const stack = await loadStack(stackNamed(name));
    const options = { seed: 5, trace: "outcome" } as const;
    const whole = replay(tape, stack, options);
    const shards = [0, 1, 2].map((index) =>
      replay(tape, stack, { ...options, shard: { index, count: 3 } })
    );
    assert(shards.every(({ results }) => results.length > 0));
    assertEquals(mergeShards(shards).hash, whole.hash, name);
  }
});

Deno.test("two processes print the same bytes for the whole library", async () => {
  const run = async () => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--allow-read",
        "--allow-env=LOG_TOKENS,LOG_STREAM",
        "app/cli/scenario.ts",
        "--json",
      ],
      stdout: "piped",
      stderr: "null",
    }).output();
    assertEquals(code, 0);
    return new TextDecoder().decode(stdout);
  };
  const [one, two] = await Promise.all([run(), run()]);
  assertEquals(one, two);
});
