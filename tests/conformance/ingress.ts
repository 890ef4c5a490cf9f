import { compileRegex } from "../../core/l7/_regex.ts";
import {
  type JsonRecord,
  list,
  number,
  record,
  records,
  text,
} from "../../core/l7/json.ts";
import type { HttpRequest } from "../../core/packet/packet.ts";
import {
  type Ending,
  type Endings,
  endingsOf,
  http,
  tls,
} from "./_gateway_case.ts";
import { foldManifests } from "./_gateway_cluster.ts";
import type { CaseResult, Suite } from "./suite.ts";

const NAMESPACE = "test-ns";
const DEFAULT_BACKEND = "dummy-app1";
const DEFAULT_HOST = "192.0.2.10";

/** Scenarios of ingress2gateway's end-to-end tests, put to the Ingresses they start from. */
export const ingress: Suite = {
  name: "ingress",
  *run(directory) {
    const { cases } = record(
      JSON.parse(Deno.readTextFileSync(`${directory}/e2e-cases.json`)),
    );
    for (const [index, one] of records(cases).entries()) {
      yield judge(one, `${text(one.test)}/${text(one.subtest)}#${index}`);
    }
  },
};

function judge(one: JsonRecord, id: string): CaseResult {
  const foreign = list(one.providers).find((name) => name !== "ingress-nginx");
  if (foreign !== undefined) {
    return { id, status: "unknown", actual: `${foreign} is not modelled` };
  }
  const { compiled } = foldManifests(
    [{ file: id, text: JSON.stringify(manifests(one)) }],
    { implementation: "ingress-nginx", sslPassthrough: true },
  );
  const send = (verifier: JsonRecord): Endings => {
    const secure = verifier.UseTLS === true;
    const port = secure ? 443 : 80;
    const program = compiled.ingress.find((entry) => entry.port === port);
    if (program === undefined) {
      return { kind: "unknown", reason: `nobody listens on ${port}` };
    }
    const payload = http(requestOf(verifier, secure));
    const serverName = text(verifier.Host) ?? null;
    return endingsOf(program, secure ? tls(serverName, payload) : payload);
  };
  const verifiers = Object.values(record(one.verifiers)).flatMap(records);
  const results = verifiers.map((verifier) => verify(verifier, send));
  const failed = results.find((result) => result.status === "failed");
  const unknown = results.find((result) => result.status === "unknown");
  return { id, ...(failed ?? unknown ?? { status: "passed" }) };
}

type Verdict = Omit<CaseResult, "id">;

function verify(
  verifier: JsonRecord,
  send: (verifier: JsonRecord) => Endings,
): Verdict {
  const canary = verifier.type === "CanaryVerifier";
  const inner = canary ? record(verifier.Verifier) : verifier;
  const endings = send(inner);
  if (endings.kind === "unknown") {
    return { status: "unknown", actual: endings.reason };
  }
  const needs = unmodelledNeed(inner);
  if (needs !== undefined) return { status: "unknown", actual: needs };
  const expected = JSON.stringify(verifier);
  const problems = endings.endings.map((ending) => wrong(ending, inner));
  if (!canary) {
    const problem = problems.find((found) => found !== undefined);
    return problem === undefined
      ? { status: "passed" }
      : { status: "failed", expected, actual: problem };
  }
  const share = endings.endings
    .filter((_, index) => problems[index] === undefined)
    .reduce((sum, ending) => sum + ending.share, 0);
  return share >= Number(verifier.MinSuccesses) &&
      share <= Number(verifier.MaxSuccesses)
    ? { status: "passed" }
    : { status: "failed", expected, actual: `share ${share}` };
}

/** What a verifier looks at that no answer of the model can show. */
function unmodelledNeed(verifier: JsonRecord): string | undefined {
  const names = [
    ...records(verifier.HeaderMatches).map(({ Name }) => text(Name) ?? ""),
    ...list(verifier.HeaderAbsent).map(String),
  ];
  return names.some((name) => name.toLowerCase() !== "location")
    ? "headers of CORS answers are not modelled"
    : undefined;
}

function wrong(ending: Ending, verifier: JsonRecord): string | undefined {
  const codes = list(verifier.AllowedCodes);
  const allowed = codes.length > 0 ? codes : [200];
  if (ending.payload?.kind === "tls") {
    return ending.backend === null ? "closed" : undefined;
  }
  if (!allowed.includes(ending.status)) return `status ${ending.status}`;
  for (const match of records(verifier.HeaderMatches)) {
    for (const { Pattern, Negate } of records(match.Patterns)) {
      const found = matches(text(Pattern) ?? "", ending.location ?? "");
      if (found === (Negate === true)) return `location ${ending.location}`;
    }
  }
  const body = text(verifier.BodyRegex);
  return body === undefined || matches(body, bodyOf(ending))
    ? undefined
    : `body ${bodyOf(ending)}`;
}

/** What the echo server of these tests answers: its name, or the headers it got. */
function bodyOf({ backend, payload }: Ending): string {
  if (payload?.kind !== "http") return "";
  if (payload.request.path !== "/header") return `${backend?.name}-0`;
  const headers = payload.request.headers
    .map(([name, value]) => [name, [value]] as const);
  return JSON.stringify(Object.fromEntries(headers));
}

function matches(pattern: string, value: string): boolean {
  // The data keep the pattern of one case as a literal that holds JSON.
  const literal = pattern.startsWith('"');
  const regex = compileRegex(pattern, { full: false, caseInsensitive: false });
  return (literal && value.includes(pattern)) ||
    (regex.kind === "regex" && regex.test(value));
}

function requestOf(verifier: JsonRecord, secure: boolean): HttpRequest {
  return {
    method: text(verifier.Method) ?? "GET",
    scheme: secure ? "https" : "http",
    authority: text(verifier.Host) ?? DEFAULT_HOST,
    path: text(verifier.Path) ?? "/",
    headers: Object.entries(record(verifier.RequestHeaders))
      .map(([name, value]) => [name, String(value)] as const),
  };
}

function manifests(one: JsonRecord): JsonRecord {
  const written = records(one.ingresses);
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      ...["dummy-app1", "dummy-app2"].map((name) => ({
        apiVersion: "v1",
        kind: "Service",
        metadata: { name, namespace: NAMESPACE },
        spec: {
          selector: { app: name },
          ports: [
            { name: "http", port: 80, targetPort: 8080 },
            { name: "https", port: 443, targetPort: 8443 },
          ],
        },
      })),
      ...written.map(ingressObject),
    ],
  };
}

function ingressObject(written: JsonRecord): JsonRecord {
  const [secretName, ...hosts] = list(written.tls);
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: {
      name: written.name,
      namespace: NAMESPACE,
      annotations: written.annotations ?? {},
    },
    spec: {
      ingressClassName: written.class,
      ...(secretName === undefined ? {} : { tls: [{ secretName, hosts }] }),
      rules: records(record(written.Spec).Rules).map((rule) => ({
        ...(text(rule.Host) === undefined ? {} : { host: rule.Host }),
        http: {
          paths: records(record(rule.HTTP).Paths).map((path) => ({
            path: path.path,
            pathType: path.PathType,
            backend: {
              service: {
                name: text(path.backend) ?? DEFAULT_BACKEND,
                port: { number: number(path.port) ?? 80 },
              },
            },
          })),
        },
      })),
    },
  };
}
