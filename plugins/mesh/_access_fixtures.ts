/** Requests and policies for the tests of authorization. */
import { Ip } from "../../core/packet/ip.ts";
import type { HttpRequest } from "../../core/packet/packet.ts";
import { kubeObject } from "./_fixtures.ts";
import { readAuthorizationPolicy } from "./authorization_policy.ts";
import { type Chain, compileForEnvoy } from "./envoy_rbac.ts";
import { type AccessFacts, authorize } from "./rbac.ts";
import { compileForZtunnel } from "./ztunnel_rbac.ts";

/** `shop/web` asks `GET /` of port 8080 over mutual TLS, but for what is given. */
export function access(
  { request, ...facts }: Partial<Omit<AccessFacts, "request">> & {
    readonly request?: Partial<HttpRequest> | null;
  } = {},
): AccessFacts {
  return {
    source: Ip.of("10.244.1.5"),
    destination: Ip.of("10.244.2.5"),
    destinationPort: 8080,
    spiffeId: "spiffe://cluster.local/ns/shop/sa/web",
    serverName: null,
    token: "none",
    request: request === null ? null : {
      method: "GET",
      scheme: "http",
      authority: "db.shop",
      path: "/",
      headers: [],
      ...request,
    },
    ...facts,
  };
}

/** What policies of namespace `data` say, each given as its spec. */
export function verdict(
  specs: readonly object[],
  facts: AccessFacts,
  { by = "http", annotations = {} }: {
    readonly by?: Chain | "ztunnel";
    readonly annotations?: Readonly<Record<string, string>>;
  } = {},
): "allowed" | "denied" | "unknown" {
  const policies = specs.map((spec, index) =>
    readAuthorizationPolicy(
      kubeObject("AuthorizationPolicy", `data/p${index}`, {
        spec,
        annotations,
      }),
    )
  );
  const compiled = by === "ztunnel"
    ? compileForZtunnel(policies)
    : compileForEnvoy(policies, { chain: by, trustDomains: ["cluster.local"] });
  return authorize(compiled, facts).kind;
}
