import { assertEquals } from "@std/assert";
import { type NewEvent, newEvent } from "../core/event.ts";
import { kindsText, unreadKinds } from "./unread_kinds.ts";

function applied(apiVersion: string, kind: string, name: string): NewEvent {
  const source = { file: "a.yaml", line: 1, column: 1 };
  const metadata = { name, namespace: "default" };
  const object = { apiVersion, kind, metadata, source };
  return newEvent("policy.applied", { object });
}

Deno.test("unreadKinds() counts objects that no stack reads, each once", () => {
  const events = [
    applied("networking.k8s.io/v1", "NetworkPolicy", "a"),
    applied("networking.istio.io/v1", "VirtualService", "a"),
    applied("networking.istio.io/v1beta1", "VirtualService", "a"),
    applied("networking.istio.io/v1", "VirtualService", "b"),
    applied("v1", "ConfigMap", "a"),
  ];
  const unread = unreadKinds(events, {
    ignored: { Secret: 4 },
    kinds: [new Set(["networking.k8s.io/NetworkPolicy"]), new Set()],
  });
  assertEquals(unread, { ConfigMap: 1, Secret: 4, VirtualService: 2 });
  assertEquals(kindsText(unread), "Secret 4, VirtualService 2, ConfigMap 1");
});
