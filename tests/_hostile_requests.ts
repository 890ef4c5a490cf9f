/** A request that means no good, made from a seed. */
export interface HostileRequest {
  readonly about: string;
  readonly path: string;
  readonly init: RequestInit;
}

/** A stream of numbers in [0, 2^32) from a seed. */
export class Draws {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Mulberry32. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** The request of a seed, against a server that has a run. */
export function hostileRequest(seed: number, run: string): HostileRequest {
  const draws = new Draws(seed);
  const make = draws.of(MAKERS);
  const request = make(draws);
  return { ...request, path: request.path.replaceAll(RUN, run) };
}

/** Stands for a run that there is. */
const RUN = "r-000000000-000000000000";

const POSTS = [
  "/compare",
  "/runs",
  "/clusters",
  "/scenarios",
  "/flows",
  `/runs/${RUN}/fork`,
  `/runs/${RUN}/restart`,
];

const TYPES = [
  "application/json",
  "application/yaml",
  "text/yaml",
  "application/x-ndjson",
  "application/octet-stream",
  "text/plain",
  "multipart/form-data; boundary=x",
  "",
  "application/json; charset=utf-16",
];

const WORDS = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "..",
  "../../../etc/passwd",
  "..%2f..%2fetc%2fpasswd",
  "%2e%2e/%2e%2e/catalog.kv",
  "/etc/passwd",
  "\u0000",
  "\ud800",
  "a".repeat(2_000),
  "${lb}",
  "' OR 1=1 --",
  "<script>alert(1)</script>",
  "\r\nX-Injected: 1",
  "NaN",
  "-1",
  "1e309",
  "9007199254740993",
  "2026-01-01T00:00:00Z",
  RUN,
  "file:///etc/passwd",
  "http://169.254.169.254/latest/meta-data",
];

const VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  1e308,
  9_007_199_254_740_993,
  "",
  [],
  {},
  [[]],
  [null],
  { a: { b: { c: [] } } },
  JSON.parse('{"__proto__":{"polluted":1}}'),
  ...WORDS,
];

const VALID = {
  manifests: [{
    file: "a.yaml",
    text: Deno.readTextFileSync("scenarios/two-nodes.yaml"),
  }],
  flows: [{ from: "node/n1", to: "tcp://10.0.0.1:80", count: 2, every: "1s" }],
  stacks: [{
    name: "cilium",
    use: "cilium",
    options: { values: { kubeProxyReplacement: true } },
  }],
  seed: 1,
  trace: "full",
};

const YAMLS: readonly ((draws: Draws) => string)[] = [
  () => aliasBomb(12),
  () => aliasBomb(60),
  () => "a: &a [*a, *a]\n",
  (draws) => "[".repeat(1_000 + draws.below(20_000)),
  (draws) => "a:\n".repeat(3) + "- ".repeat(500 + draws.below(5_000)),
  (draws) => "{a: ".repeat(100 + draws.below(5_000)),
  () => `a: "${"x".repeat(300_000)}`,
  () => "x: !!js/function 'function () { return 1 }'\n",
  () => "<<: {a: 1}\n<<: *b\n",
  () => "__proto__: {polluted: 1}\nconstructor: {prototype: {p: 1}}\n",
  () => "---\n".repeat(20_000),
  () => "# ".repeat(50_000),
  () => "\t\t- a\n  b: c\n",
  () => "? {a: [1\n",
  () => "%YAML 9.9\n---\n%TAG ! x\n",
  (draws) => manifest("Deployment", { replicas: draws.of([-1, 1e9, 1e300]) }),
  () => manifest("Service", { clusterIP: "999.1.1.1", ports: [{ port: 1e9 }] }),
  () => manifest("NetworkPolicy", { podSelector: { matchExpressions: "x" } }),
  () => manifest("Pod", { containers: Array(2_000).fill({ name: "a" }) }),
  (draws) =>
    scenario(
      `{ from: node/n1, to: "tcp://a:1", count: ${draws.of([1e9, -1, "x"])} }`,
    ),
  () => scenario(`{ from: pod/a/b, to: "tcp://a:99999" }`),
  () =>
    scenario(
      `{ from: node/n1, http: { url: "http://${"a.".repeat(5_000)}/" } }`,
    ),
];

const MAKERS: readonly ((draws: Draws) => HostileRequest)[] = [
  noise,
  wrongValue,
  wrongValue,
  wrongValue,
  deep,
  yaml,
  yaml,
  yaml,
  traversal,
  traversal,
  badQuery,
  method,
  headers,
  lying,
];

function noise(draws: Draws): HostileRequest {
  const body = Uint8Array.from(
    { length: draws.below(4_000) },
    () => draws.below(256),
  );
  return post("noise", draws, body);
}

/** A good request with one part of it replaced. */
function wrongValue(draws: Draws): HostileRequest {
  const copy = structuredClone(VALID) as Record<string, unknown>;
  let at: Record<string, unknown> = copy;
  for (;;) {
    const key = draws.of(Object.keys(at));
    const part = at[key];
    const inner = typeof part === "object" && part !== null &&
      Object.keys(part).length > 0 && draws.below(4) > 0;
    if (inner) {
      at = part as Record<string, unknown>;
      continue;
    }
    if (draws.below(4) === 0) delete at[key];
    else at[draws.below(5) === 0 ? draws.of(WORDS) : key] = draws.of(VALUES);
    break;
  }
  return {
    about: "wrong value",
    path: draws.of([
      "/compare",
      "/compare",
      "/compare",
      "/runs",
      `/runs/${RUN}/fork`,
    ]),
    init: {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(copy),
    },
  };
}

function deep(draws: Draws): HostileRequest {
  const depth = 50 + draws.below(100_000);
  const [open, close] = draws.of([["[", "]"], ['{"a":', "}"], ["[{", "}]"]]);
  const inner = draws.below(2) === 0 ? "1" : "";
  const end = draws.below(3) === 0 ? "" : close!.repeat(depth);
  return {
    about: "deep",
    path: draws.of(POSTS),
    init: {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: `${open!.repeat(depth)}${inner}${end}`,
    },
  };
}

function yaml(draws: Draws): HostileRequest {
  const text = draws.of(YAMLS)(draws);
  const form = draws.below(3);
  if (form < 2) {
    return {
      about: "yaml",
      path: form === 0 ? "/clusters" : "/scenarios",
      init: {
        method: "POST",
        headers: { "content-type": "application/yaml" },
        body: text,
      },
    };
  }
  return {
    about: "yaml in json",
    path: "/compare",
    init: {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...VALID, manifests: text }),
    },
  };
}

function traversal(draws: Draws): HostileRequest {
  const word = draws.of([...WORDS, ...WORDS.map(encode)]);
  const path = draws.of([
    `/${word}`,
    `/runs/${word}`,
    `/runs/${word}/log/file`,
    `/runs/${word}/report?format=html`,
    `/runs/${RUN}/flows/${word}/journeys`,
    `/runs/${RUN}/log/file?stack=${encode(word)}`,
    `/runs/${RUN}/source?line=1&file=${encode(word)}`,
    `/scenarios/${word}`,
    `/assets/${word}`,
    `//${word}`,
  ]);
  return { about: "traversal", path: clean(path), init: {} };
}

function badQuery(draws: Draws): HostileRequest {
  const path = draws.of(["/runs", "/stacks", "/plugins", "/clusters"]);
  const names = ["limit", "cursor", "name", "verdict", ...WORDS];
  const query = Array.from(
    { length: 1 + draws.below(4) },
    () => `${encode(draws.of(names))}=${encode(draws.of(WORDS))}`,
  );
  return { about: "query", path: `${path}?${query.join("&")}`, init: {} };
}

function method(draws: Draws): HostileRequest {
  const methods = ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND"];
  const path = draws.of([...POSTS, "/", "/healthz", "/metrics", "/nothing"]);
  return { about: "method", path, init: { method: draws.of(methods) } };
}

function headers(draws: Draws): HostileRequest {
  const word = draws.of(["a".repeat(10_000), "*", "Bearer x", "null", "\x7f"]);
  const name = draws.of([
    "authorization",
    "idempotency-key",
    "content-type",
    "x-forwarded-host",
    "range",
    "accept",
  ]);
  return {
    about: "headers",
    path: "/runs",
    init: {
      method: "POST",
      headers: { "content-type": "application/json", [name]: word },
      body: "{}",
    },
  };
}

/** A body that is longer than it may be, whatever its header says. */
function lying(draws: Draws): HostileRequest {
  const chunk = new Uint8Array(64 * 1024).fill(0x61);
  const length = 2 + draws.below(60);
  const body = ReadableStream.from((function* () {
    for (let count = 0; count < length; count++) yield chunk;
  })());
  const announced = draws.of(["1", "99999999999", "-1", "x"]);
  return {
    about: "lying",
    path: draws.of(["/runs", "/compare", "/scenarios"]),
    init: {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "content-length": announced,
      },
      body,
    },
  };
}

function post(
  about: string,
  draws: Draws,
  body: Uint8Array<ArrayBuffer>,
): HostileRequest {
  const path = draws.of(POSTS);
  const headers = { "content-type": draws.of(TYPES) };
  return { about, path, init: { method: "POST", headers, body } };
}

function aliasBomb(levels: number): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < levels; level++) {
    const items = Array(9).fill(`*a${level - 1}`).join(", ");
    lines.push(`a${level}: &a${level} [${items}]`);
  }
  return lines.join("\n");
}

function manifest(kind: string, spec: unknown): string {
  return JSON.stringify({
    apiVersion: kind === "Deployment" ? "apps/v1" : "v1",
    kind,
    metadata: { name: "a" },
    spec,
  });
}

function scenario(send: string): string {
  return `apiVersion: plumbline/v1
kind: Scenario
metadata: { name: hostile }
steps:
  - send: ${send}
`;
}

/** Percent-encodes what can be; a lone surrogate cannot. */
function encode(word: string): string {
  return encodeURIComponent(word.toWellFormed());
}

/** What no client could put into a request line is left out. */
function clean(path: string): string {
  // deno-lint-ignore no-control-regex
  return path.toWellFormed().replaceAll(/[\u0000-\u0020]/g, "");
}
