import type { HttpRequest } from "../../core/packet/packet.ts";
import { headerValue } from "../../core/l7/request.ts";
import { list, record, records, text, texts } from "../../core/l7/json.ts";
import { clientHeaders, type Ending, type Endings } from "./_gateway_case.ts";

/** A case of `cases.jsonl`, its parts unchecked. */
type Case = Readonly<Record<string, unknown>>;

/** What a case asks for that no answer of the model can show. */
export function unmodelledNeed(one: Case): string | undefined {
  const expect = record(one.expect);
  const names = [
    ...Object.keys(record(expect.responseHeaders)),
    ...texts(expect.responseAbsentHeaders),
  ];
  if (names.some((name) => /^access-control-/i.test(name))) {
    return "headers of CORS answers are not modelled";
  }
  if (record(expect.backendRequest).sni !== undefined) {
    return "the server name of connections to backends is not modelled";
  }
  return undefined;
}

/** What must be true of the endings; the text says what is not. */
export function expectation(
  one: Case,
): (endings: Endings & { kind: "endings" }) => string | undefined {
  switch (one.kind) {
    case "distribution":
      return ({ endings }) => wrongShares(endings, record(one.weights));
    case "tls":
      return ({ endings }) =>
        endings.every(({ closed }) => closed) === (one.expectRejection === true)
          ? undefined
          : describe(endings);
    case "tcp":
    case "udp":
    case "websocket":
      return ({ endings }) =>
        endings.some((ending) => reaches(ending, record(one.expected)))
          ? undefined
          : describe(endings);
    default:
      return ({ endings, answer }) => {
        const problems = endings.map((ending) =>
          wrongEnding(ending, { one, mirrors: mirrorsOf(answer) })
        );
        return problems.includes(undefined)
          ? undefined
          : problems.join("; ") || "no ending";
      };
  }
}

function reaches({ backend, payload }: Ending, expected: Case): boolean {
  const wanted = text(expected.Backend);
  const isTls = expected.BackendIsTLS;
  return backend !== null &&
    (wanted === undefined || backend.name.startsWith(wanted)) &&
    (isTls === undefined || (payload?.kind === "tls") === isTls);
}

function wrongShares(
  endings: readonly Ending[],
  weights: Case,
): string | undefined {
  for (const [name, share] of Object.entries(weights)) {
    const got = endings
      .filter(({ backend }) => backend?.name === name)
      .reduce((sum, ending) => sum + ending.share, 0);
    if (Math.abs(got - Number(share)) > 1e-9) return `${name} gets ${got}`;
  }
  return undefined;
}

const GRPC_STATUS: Readonly<Record<number, readonly string[]>> = {
  200: ["OK"],
  404: ["Unimplemented"],
  500: ["Unavailable", "Unknown", "Internal"],
  503: ["Unavailable"],
};

function wrongEnding(
  ending: Ending,
  { one, mirrors }: { one: Case; mirrors: readonly string[] },
): string | undefined {
  const expect = record(one.expect);
  const codes = list(expect.statusCodes);
  if (expect.failure !== undefined) {
    return ending.closed || ending.status !== 200 ? undefined : "status 200";
  }
  if (codes.length > 0 && !codes.includes(ending.status)) {
    return ending.closed ? "closed" : `status ${ending.status}`;
  }
  const grpc = text(expect.grpcStatus);
  if (
    grpc !== undefined &&
    !(GRPC_STATUS[ending.status ?? 0] ?? []).includes(grpc)
  ) {
    return `status ${ending.status}`;
  }
  const name = text(expect.backend);
  if (name !== undefined && !(ending.backend?.name ?? "").startsWith(name)) {
    return `backend ${ending.backend?.name}`;
  }
  const namespace = text(expect.backendNamespace);
  if (
    name !== undefined && namespace !== undefined &&
    ending.backend?.namespace !== namespace
  ) {
    return `backend namespace ${ending.backend?.namespace}`;
  }
  return wrongRequest(ending, record(expect.backendRequest)) ??
    wrongRedirect(ending, record(expect.redirect)) ??
    wrongResponse(ending, one) ?? wrongMirror(mirrors, expect);
}

function wrongRequest(ending: Ending, expected: Case): string | undefined {
  if (Object.keys(expected).length === 0) return undefined;
  if (ending.payload?.kind !== "http") return "no request";
  const { request } = ending.payload;
  const host = text(expected.host);
  if (host !== undefined && host !== "" && request.authority !== host) {
    return `host ${request.authority}`;
  }
  const path = text(expected.path);
  if (path !== undefined && path !== "" && request.path !== path) {
    return `path ${request.path}`;
  }
  return wrongHeaders(request, {
    wanted: record(expected.headers),
    absent: texts(expected.absentHeaders),
  });
}

function wrongHeaders(
  request: HttpRequest,
  { wanted, absent }: { wanted: Case; absent: readonly string[] },
): string | undefined {
  for (const [name, value] of Object.entries(wanted)) {
    const got = headerValue(request, name);
    if (got !== value) return `${name}: ${got}`;
  }
  return absent.find((name) => headerValue(request, name) !== undefined);
}

function wrongRedirect(
  { location }: Ending,
  expected: Case,
): string | undefined {
  if (Object.keys(expected).length === 0) return undefined;
  if (location === null) return "no redirect";
  const [, scheme, host, port = "", path] =
    /^([a-z]+):\/\/([^:/]*)(?::(\d+))?([^?]*)/.exec(location) ?? [];
  const got: Case = { scheme, host, port, path };
  return Object.entries(expected).some(([part, value]) =>
      value !== "" && String(value) !== got[part]
    )
    ? `location ${location}`
    : undefined;
}

function wrongResponse(ending: Ending, one: Case): string | undefined {
  const expect = record(one.expect);
  const sent = record(record(one.request).backendSetResponseHeaders);
  const headers = clientHeaders(
    ending,
    Object.fromEntries(
      Object.entries(sent).map(([name, value]) => [name, String(value)]),
    ),
  );
  const carrier: HttpRequest = {
    method: "GET",
    scheme: "http",
    authority: "",
    path: "/",
    headers,
  };
  return wrongHeaders(carrier, {
    wanted: record(expect.responseHeaders),
    absent: texts(expect.responseAbsentHeaders),
  });
}

function wrongMirror(
  mirrors: readonly string[],
  expect: Case,
): string | undefined {
  return records(expect.mirroredTo)
    .map(({ namespace, name, percent }) =>
      `${namespace}/${name} ${percent ?? 100}%`
    )
    .find((wanted) => !mirrors.includes(wanted));
}

function mirrorsOf(
  answer: (Endings & { kind: "endings" })["answer"],
): readonly string[] {
  const mirrors = answer.kind === "forward" ? answer.action?.mirrors : [];
  return (mirrors ?? []).flatMap(({ backend, numerator, denominator }) =>
    backend === null ? [] : [
      `${backend.namespace}/${backend.name} ${numerator * 100 / denominator}%`,
    ]
  );
}

function describe(endings: readonly Ending[]): string {
  return endings.map(({ closed, status, backend }) =>
    closed ? "closed" : backend?.name ?? `status ${status}`
  ).join("; ");
}
