import { assertEquals } from "@std/assert";
import { kubeObject, podOf } from "./_fixtures.ts";
import { PeerAuthentications } from "./peer_authentication.ts";

const ROOT = "istio-system";
const WEB = podOf("shop/web", { labels: { app: "web" } });

/** The objects as written, the oldest first. */
function modes(...written: [key: string, spec: object][]) {
  return new PeerAuthentications(
    written.map(([key, spec]) =>
      kubeObject("PeerAuthentication", key, { spec })
    ),
    ROOT,
  );
}

const mtls = (mode: string) => ({ mtls: { mode } });
const forWeb = { selector: { matchLabels: { app: "web" } } };

Deno.test("PeerAuthentications default to PERMISSIVE", () => {
  assertEquals(modes().modeAt(WEB, 80), { mode: "PERMISSIVE", rule: null });
});

Deno.test("PeerAuthentications: workload wins over namespace over mesh", () => {
  const all = modes(
    [`${ROOT}/mesh`, mtls("DISABLE")],
    ["shop/all", mtls("STRICT")],
    ["shop/web", { ...forWeb, ...mtls("PERMISSIVE") }],
  );
  assertEquals(all.modeAt(WEB, 80).mode, "PERMISSIVE");
  assertEquals(all.modeAt(podOf("shop/db"), 80).mode, "STRICT");
  assertEquals(all.modeAt(podOf("other/db"), 80).mode, "DISABLE");
});

Deno.test("PeerAuthentications inherit a mode that is not set", () => {
  const all = modes(
    [`${ROOT}/mesh`, mtls("STRICT")],
    ["shop/all", mtls("UNSET")],
    ["shop/web", forWeb],
  );
  assertEquals(all.modeAt(WEB, 80).mode, "STRICT");
});

Deno.test("PeerAuthentications: of several at one level the oldest counts alone", () => {
  const all = modes(
    ["shop/b", mtls("STRICT")],
    ["shop/a", mtls("DISABLE")],
  );
  assertEquals(all.modeAt(WEB, 80).mode, "STRICT");
});

Deno.test("PeerAuthentications ignore a selector in the root namespace", () => {
  const all = modes([`${ROOT}/web`, { ...forWeb, ...mtls("STRICT") }]);
  assertEquals(all.modeAt(WEB, 80).mode, "PERMISSIVE");
  const inRoot = podOf(`${ROOT}/web`, { labels: { app: "web" } });
  assertEquals(all.modeAt(inRoot, 80).mode, "PERMISSIVE");
});

Deno.test("PeerAuthentications: port modes need a selector and name the workload's port", () => {
  const portLevelMtls = { 8080: { mode: "DISABLE" } };
  const all = modes(["shop/web", {
    ...forWeb,
    ...mtls("STRICT"),
    portLevelMtls,
  }]);
  assertEquals(all.modeAt(WEB, 8080).mode, "DISABLE");
  assertEquals(all.modeAt(WEB, 80).mode, "STRICT");
  const wide = modes(["shop/all", { ...mtls("STRICT"), portLevelMtls }]);
  assertEquals(wide.modeAt(WEB, 8080).mode, "STRICT");
});

Deno.test("PeerAuthentications in ambient: DISABLE means PERMISSIVE", () => {
  const all = modes(["shop/all", mtls("DISABLE")]);
  assertEquals(all.ambientModeAt(WEB, 80).mode, "PERMISSIVE");
});

Deno.test("PeerAuthentications in ambient: a DISABLE port alone is no exemption from an inherited STRICT", () => {
  const exempt = (mode: string) =>
    modes(["shop/all", mtls("STRICT")], ["shop/web", {
      ...forWeb,
      portLevelMtls: { 8080: { mode } },
    }]);
  assertEquals(
    exempt("PERMISSIVE").ambientModeAt(WEB, 8080).mode,
    "PERMISSIVE",
  );
  assertEquals(exempt("DISABLE").ambientModeAt(WEB, 8080).mode, "STRICT");
  assertEquals(exempt("DISABLE").modeAt(WEB, 8080).mode, "DISABLE");
});
