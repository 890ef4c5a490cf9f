import type { KubeObject } from "../../core/cluster/model.ts";

/** Annotations of one Ingress under the controller's prefix. */
export class NginxAnnotations {
  readonly #annotations: Readonly<Record<string, string>>;

  constructor(ingress: KubeObject) {
    this.#annotations = ingress.metadata.annotations ?? {};
  }

  /** Value of `nginx.ingress.kubernetes.io/<name>`; empty ones count as absent. */
  text(name: string): string | undefined {
    const value = this.#annotations[`nginx.ingress.kubernetes.io/${name}`];
    return value === undefined || value === "" ? undefined : value;
  }

  flag(name: string): boolean {
    return this.text(name) === "true";
  }

  /** A whole number; undefined when it is none. */
  count(name: string): number | undefined {
    const value = this.text(name);
    return value !== undefined && /^\d{1,9}$/.test(value)
      ? Number(value)
      : undefined;
  }

  /** The path that requests are rewritten to, unless it is the path itself (needsRewrite in the controller). */
  rewriteTarget(path: string): string | undefined {
    const target = this.text("rewrite-target");
    return target === path ? undefined : target;
  }

  /** The first annotation that decides about requests and is not modelled. */
  unmodelled(): string | undefined {
    const name = UNMODELLED.find((one) => this.text(one) !== undefined);
    if (name !== undefined) return `annotation ${name} is not modelled`;
    const protocol = this.text("backend-protocol")?.toUpperCase();
    return protocol === "FCGI" || protocol === "AJP"
      ? `backend-protocol ${protocol} is not modelled`
      : undefined;
  }
}

const UNMODELLED: readonly string[] = [
  "auth-type",
  "auth-url",
  "auth-tls-secret",
  "configuration-snippet",
  "denylist-source-range",
  "enable-modsecurity",
  "enable-owasp-core-rules",
  "modsecurity-snippet",
  "server-snippet",
  "whitelist-source-range",
];
