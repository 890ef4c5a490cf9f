import { assertEquals } from "@std/assert";
import { access, verdict } from "./_access_fixtures.ts";

const CONNECTION = access({ request: null });
const PLAINTEXT = access({ request: null, spiffeId: null });
const by = "ztunnel" as const;
const says = (spec: object, facts = CONNECTION) =>
  verdict([spec], facts, { by });

Deno.test("compileForZtunnel() leaves an ALLOW rule with HTTP attributes out, and the default deny bites", () => {
  const principal = {
    source: { principals: ["cluster.local/ns/shop/sa/web"] },
  };
  assertEquals(
    says({ rules: [{ to: [{ operation: { methods: ["GET"] } }] }] }),
    "denied",
  );
  assertEquals(says({ rules: [{ from: [principal] }] }), "allowed");
  assertEquals(
    says({
      rules: [{
        from: [principal],
        to: [{ operation: { ports: ["8080"], paths: ["/x"] } }],
      }],
    }),
    "denied",
  );
});

Deno.test("compileForZtunnel() makes a DENY rule wider by the HTTP attributes that it leaves out", () => {
  const operation = { ports: ["8080"], methods: ["POST"] };
  assertEquals(
    says({ action: "DENY", rules: [{ to: [{ operation }] }] }),
    "denied",
  );
  assertEquals(
    says({
      action: "DENY",
      rules: [{ to: [{ operation: { ...operation, ports: ["9"] } }] }],
    }),
    "allowed",
  );
});

Deno.test("compileForZtunnel(): a DENY clause of HTTP attributes alone never fires, whoever it names", () => {
  const to = [{ operation: { methods: ["POST"] } }];
  const from = [{ source: { principals: ["*"] } }];
  assertEquals(says({ action: "DENY", rules: [{ to }] }), "allowed");
  assertEquals(says({ action: "DENY", rules: [{ from, to }] }), "allowed");
  assertEquals(
    says({
      action: "DENY",
      rules: [{ from, when: [{ key: "request.headers[x]", values: ["y"] }] }],
    }),
    "allowed",
  );
  assertEquals(says({ action: "DENY", rules: [{ from }] }), "denied");
});

Deno.test("compileForZtunnel(): an empty source matches nothing, an empty rule everything", () => {
  assertEquals(says({ rules: [{ from: [{ source: {} }] }] }), "denied");
  assertEquals(says({ rules: [{}] }), "allowed");
  assertEquals(says({ rules: [] }), "denied");
});

Deno.test("compileForZtunnel() knows no trust domains, not even as a condition", () => {
  const rule = {
    rules: [{
      when: [{ key: "source.trustDomain", values: ["cluster.local"] }],
    }],
  };
  assertEquals(says(rule), "denied");
  assertEquals(says({ action: "DENY", ...rule }), "allowed");
});

Deno.test("compileForZtunnel() supports neither CUSTOM nor AUDIT nor dry runs", () => {
  assertEquals(says({ action: "CUSTOM", rules: [{}] }), "allowed");
  assertEquals(says({ action: "AUDIT", rules: [{}] }), "allowed");
  const annotations = { "istio.io/dry-run": "true" };
  assertEquals(
    verdict([{ action: "DENY", rules: [{}] }], CONNECTION, { by, annotations }),
    "allowed",
  );
});

Deno.test("compileForZtunnel(): plaintext matches what excludes identities, and nothing that names them", () => {
  const source = (fields: object) => ({
    rules: [{ from: [{ source: fields }] }],
  });
  for (const field of ["principals", "namespaces", "serviceAccounts"]) {
    const not = `not${field[0]!.toUpperCase()}${field.slice(1)}`;
    assertEquals(says(source({ [field]: ["*"] }), PLAINTEXT), "denied", field);
    assertEquals(says(source({ [not]: ["x/y"] }), PLAINTEXT), "allowed", not);
  }
});
