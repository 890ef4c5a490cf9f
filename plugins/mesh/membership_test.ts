import { assertEquals } from "@std/assert";
import type { Labels } from "../../core/cluster/model.ts";
import { makeCluster, podOf } from "./_fixtures.ts";
import { dataPlaneOf } from "./membership.ts";
import { meshOptions } from "./options.ts";

function plane(
  { namespace = {}, pod = {}, options = {} }: {
    readonly namespace?: Labels;
    readonly pod?: Parameters<typeof podOf>[1];
    readonly options?: object;
  },
) {
  const cluster = makeCluster("shop", namespace);
  return dataPlaneOf(
    podOf("shop/web", pod),
    cluster,
    meshOptions.parse(options),
  );
}

const ENABLED = { "istio-injection": "enabled" };
const AMBIENT = { "istio.io/dataplane-mode": "ambient" };

Deno.test("dataPlaneOf() gives a sidecar where labels ask for injection", () => {
  assertEquals(plane({}), "none");
  assertEquals(plane({ namespace: ENABLED }), "sidecar");
  assertEquals(plane({ namespace: { "istio.io/rev": "canary" } }), "sidecar");
  assertEquals(
    plane({
      namespace: ENABLED,
      pod: { labels: { "sidecar.istio.io/inject": "false" } },
    }),
    "none",
  );
  assertEquals(
    plane({
      namespace: ENABLED,
      pod: { annotations: { "sidecar.istio.io/inject": "false" } },
    }),
    "none",
  );
  assertEquals(
    plane({ pod: { labels: { "sidecar.istio.io/inject": "true" } } }),
    "sidecar",
  );
  assertEquals(
    plane({
      namespace: { "istio-injection": "disabled" },
      pod: { labels: { "sidecar.istio.io/inject": "true" } },
    }),
    "none",
  );
});

Deno.test("dataPlaneOf() believes a container that is there, and never a pod on the node's network", () => {
  const containers = ["app", "istio-proxy"];
  assertEquals(plane({ pod: { containers } }), "sidecar");
  assertEquals(
    plane({ pod: { containers }, options: { inject: "none" } }),
    "sidecar",
  );
  assertEquals(plane({ pod: { containers, hostNetwork: true } }), "none");
  assertEquals(
    plane({ namespace: AMBIENT, pod: { hostNetwork: true } }),
    "none",
  );
});

Deno.test("dataPlaneOf() captures ambient namespaces, but for pods that opt out or have a sidecar", () => {
  assertEquals(plane({ namespace: AMBIENT }), "ambient");
  assertEquals(plane({ pod: { labels: AMBIENT } }), "ambient");
  assertEquals(
    plane({
      namespace: AMBIENT,
      pod: { labels: { "istio.io/dataplane-mode": "none" } },
    }),
    "none",
  );
  assertEquals(
    plane({ namespace: AMBIENT, pod: { containers: ["istio-proxy"] } }),
    "sidecar",
  );
});

Deno.test("dataPlaneOf() follows the options inject and mode", () => {
  assertEquals(plane({ options: { inject: "all" } }), "sidecar");
  assertEquals(
    plane({ namespace: ENABLED, options: { inject: "none" } }),
    "none",
  );
  assertEquals(
    plane({ namespace: ENABLED, options: { mode: "ambient" } }),
    "ambient",
  );
  assertEquals(
    plane({ namespace: AMBIENT, options: { mode: "sidecar" } }),
    "sidecar",
  );
  assertEquals(plane({ options: { mode: "ambient" } }), "none");
});
