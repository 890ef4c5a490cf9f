import { assertEquals } from "@std/assert";
import { Ip } from "../../core/packet/ip.ts";
import { access, verdict } from "./_access_fixtures.ts";
import { kubeObject } from "./_fixtures.ts";
import { readAuthorizationPolicy } from "./authorization_policy.ts";
import { compileForEnvoy } from "./envoy_rbac.ts";
import { authorize } from "./rbac.ts";

const from = (source: object) => ({ rules: [{ from: [{ source }] }] });
const to = (operation: object) => ({ rules: [{ to: [{ operation }] }] });
const when = (key: string, values: object) => ({
  rules: [{ when: [{ key, ...values }] }],
});
const deny = (policy: object) => ({ action: "DENY", ...policy });
const PLAINTEXT = access({ spiffeId: null });

Deno.test("authorize() asks CUSTOM, then DENY, then ALLOW; AUDIT decides nothing", () => {
  const everything = { rules: [{}] };
  assertEquals(verdict([], access()), "allowed");
  assertEquals(verdict([everything], access()), "allowed");
  assertEquals(verdict([everything, deny(everything)], access()), "denied");
  assertEquals(
    verdict([deny(everything), { action: "CUSTOM", ...everything }], access()),
    "unknown",
  );
  assertEquals(
    verdict([{ action: "AUDIT", ...everything }], access()),
    "allowed",
  );
  assertEquals(verdict([to({ methods: ["POST"] })], access()), "denied");
});

Deno.test("authorize(): no rules never match, an empty rule always does", () => {
  assertEquals(verdict([{ rules: [] }], access()), "denied");
  assertEquals(verdict([{}], access()), "denied");
  assertEquals(verdict([deny({ rules: [] })], access()), "allowed");
  assertEquals(verdict([{ rules: [{}] }], access()), "allowed");
  assertEquals(
    verdict([{ rules: [{ from: [{ source: {} }] }] }], access()),
    "allowed",
  );
});

Deno.test("compileForEnvoy(): entries are alternatives, fields are conditions, not- fields exclude all their values", () => {
  const rule = {
    rules: [{
      from: [{ source: { namespaces: ["a"] } }, {
        source: { namespaces: ["shop"], principals: ["*/sa/web"] },
      }],
      to: [{
        operation: {
          methods: ["GET", "HEAD"],
          notPaths: ["/admin*", "/debug"],
        },
      }],
    }],
  };
  assertEquals(verdict([rule], access({ request: { path: "/x" } })), "allowed");
  assertEquals(
    verdict([rule], access({ request: { path: "/admin/x" } })),
    "denied",
  );
  assertEquals(
    verdict([rule], access({ request: { path: "/debug" } })),
    "denied",
  );
  assertEquals(
    verdict([rule], access({ request: { method: "POST" } })),
    "denied",
  );
  assertEquals(
    verdict(
      [rule],
      access({ spiffeId: "spiffe://cluster.local/ns/shop/sa/api" }),
    ),
    "denied",
  );
});

Deno.test("compileForEnvoy() matches values exactly, by prefix, by suffix, and a star by anything but nothing", () => {
  const principal = (value: string) =>
    verdict([from({ principals: [value] })], access());
  assertEquals(principal("cluster.local/ns/shop/sa/web"), "allowed");
  assertEquals(principal("cluster.local/ns/shop/*"), "allowed");
  assertEquals(principal("*/sa/web"), "allowed");
  assertEquals(principal("*"), "allowed");
  assertEquals(principal("ns/shop/sa/web"), "denied");
  assertEquals(
    verdict([when("connection.sni", { values: ["*"] })], access()),
    "denied",
  );
  assertEquals(verdict([from({ namespaces: ["sh*p"] })], access()), "allowed");
  assertEquals(verdict([from({ namespaces: ["sho"] })], access()), "denied");
});

Deno.test("compileForEnvoy() reads service accounts of the policy's namespace unless one is named", () => {
  assertEquals(
    verdict([from({ serviceAccounts: ["shop/web"] })], access()),
    "allowed",
  );
  assertEquals(
    verdict([from({ serviceAccounts: ["web"] })], access()),
    "denied",
  );
  const inData = access({ spiffeId: "spiffe://cluster.local/ns/data/sa/web" });
  assertEquals(
    verdict([from({ serviceAccounts: ["web"] })], inData),
    "allowed",
  );
  assertEquals(
    verdict([from({ serviceAccounts: ["shop/we"] })], access()),
    "denied",
  );
});

Deno.test("authorize(): plaintext has no identity, so what excludes identities matches it", () => {
  for (const field of ["principals", "namespaces", "serviceAccounts"]) {
    const not = `not${field[0]!.toUpperCase()}${field.slice(1)}`;
    assertEquals(
      verdict([from({ [field]: ["*"] })], PLAINTEXT),
      "denied",
      field,
    );
    assertEquals(
      verdict([from({ [not]: ["other"] })], PLAINTEXT),
      "allowed",
      not,
    );
  }
  const requireMtls = deny(from({ notPrincipals: ["*"] }));
  assertEquals(verdict([requireMtls], PLAINTEXT), "denied");
  assertEquals(verdict([requireMtls], access()), "allowed");
});

Deno.test("compileForEnvoy() on a TCP port takes ALLOW rules with HTTP fields away and makes DENY rules wider", () => {
  const connection = access({ request: null });
  const rule = to({ ports: ["8080"], methods: ["POST"] });
  assertEquals(verdict([rule], connection, { by: "tcp" }), "denied");
  assertEquals(verdict([deny(rule)], connection, { by: "tcp" }), "denied");
  assertEquals(
    verdict([deny(to({ methods: ["POST"] }))], connection, { by: "tcp" }),
    "denied",
  );
  assertEquals(
    verdict([deny(to({ ports: ["9"], methods: ["POST"] }))], connection, {
      by: "tcp",
    }),
    "allowed",
  );
});

Deno.test("compileForEnvoy() leaves a value out that cannot be read, and with it an ALLOW rule", () => {
  assertEquals(verdict([to({ ports: ["http", "8080"] })], access()), "denied");
  assertEquals(verdict([deny(to({ ports: ["http"] }))], access()), "denied");
});

Deno.test("compileForEnvoy() matches paths without their query, by case and by template", () => {
  const path = (pattern: string, path: string) =>
    verdict([to({ paths: [pattern] })], access({ request: { path } }));
  assertEquals(path("/allow", "/allow?a=b"), "allowed");
  assertEquals(path("/allow", "/Allow"), "denied");
  assertEquals(path("/foo/{*}/bar", "/foo/a/bar"), "allowed");
  assertEquals(path("/foo/{*}/bar", "/foo/a/b/bar"), "denied");
  assertEquals(path("/allow/admin/{**}", "/allow/admin/"), "allowed");
  assertEquals(path("/allow/admin/{**}", "/allow/admin/a/b"), "allowed");
  assertEquals(path("/allow/admin/{**}", "/allow/admin"), "denied");
});

Deno.test("compileForEnvoy() matches hosts without case and with the port as sent", () => {
  const host = (authority: string) =>
    verdict([to({ hosts: ["db.shop"] })], access({ request: { authority } }));
  assertEquals([host("DB.Shop"), host("db.shop:8080")], ["allowed", "denied"]);
});

Deno.test("compileForEnvoy() reads addresses of the direct peer and conditions on them", () => {
  assertEquals(
    verdict([from({ ipBlocks: ["10.244.0.0/16"] })], access()),
    "allowed",
  );
  assertEquals(
    verdict([from({ notIpBlocks: ["10.244.1.5"] })], access()),
    "denied",
  );
  assertEquals(
    verdict([when("destination.ip", { values: ["10.244.2.5"] })], access()),
    "allowed",
  );
  assertEquals(
    verdict([when("destination.port", { notValues: ["8080"] })], access()),
    "denied",
  );
  const remote = from({ remoteIpBlocks: ["10.244.1.5"] });
  assertEquals(verdict([remote], access()), "allowed");
  const forwarded = access({
    request: { headers: [["X-Forwarded-For", "1.2.3.4"]] },
  });
  assertEquals(verdict([remote], forwarded), "unknown");
});

Deno.test("compileForEnvoy() asks headers, and tokens that there are none of", () => {
  const header = when("request.headers[x-id]", { values: ["a*"] });
  assertEquals(
    verdict([header], access({ request: { headers: [["X-Id", "abc"]] } })),
    "allowed",
  );
  assertEquals(verdict([header], access()), "denied");
  assertEquals(
    verdict([from({ requestPrincipals: ["*"] })], access()),
    "denied",
  );
  assertEquals(
    verdict([deny(from({ notRequestPrincipals: ["*"] }))], access()),
    "denied",
  );
  assertEquals(
    verdict([from({ requestPrincipals: ["*"] })], access({ token: "unknown" })),
    "unknown",
  );
  assertEquals(
    verdict([when("request.auth.claims[iss]", { notValues: ["x"] })], access()),
    "allowed",
  );
});

Deno.test("compileForEnvoy() does not enforce a dry run", () => {
  const annotations = { "istio.io/dry-run": "true" };
  assertEquals(
    verdict([deny({ rules: [{}] })], access(), { annotations }),
    "allowed",
  );
});

Deno.test("authorize() cites the rule that comes first by name, as Envoy evaluates them", () => {
  const rules = Array.from({ length: 11 }, () => ({}));
  const policy = readAuthorizationPolicy(
    kubeObject("AuthorizationPolicy", "data/p", {
      spec: {
        action: "DENY",
        rules: rules.with(0, { from: [{ source: { ipBlocks: ["9.9.9.9"] } }] })
          .with(1, { from: [{ source: { ipBlocks: ["9.9.9.9"] } }] }),
      },
    }),
  );
  const decision = authorize(
    compileForEnvoy([policy], {
      chain: "http",
      trustDomains: ["cluster.local"],
    }),
    access(),
  );
  assertEquals(decision.rule?.name, "AuthorizationPolicy data/p rules[10]");
});

Deno.test("compileForEnvoy() tells trust domains apart", () => {
  assertEquals(
    verdict([from({ trustDomains: ["cluster.local"] })], access()),
    "allowed",
  );
  assertEquals(
    verdict([from({ notTrustDomains: ["cluster.local"] })], access()),
    "denied",
  );
});

Deno.test("compileForEnvoy() matches IPv6 addresses", () => {
  const facts = access({ source: Ip.of("fd00::5") });
  assertEquals(verdict([from({ ipBlocks: ["fd00::/64"] })], facts), "allowed");
});
