/**
 * Principals with every other name that their trust domain goes by. Only
 * those that name a trust domain of the mesh in full form,
 * `td/ns/shop/sa/web`, are expanded (istio/istio
 * pilot/pkg/security/trustdomain/bundle.go, ReplaceTrustDomainAliases).
 */
export function withAliases(
  principals: readonly string[],
  domains: readonly string[],
): readonly string[] {
  if (domains.length < 2) return principals;
  return principals.flatMap((principal) => {
    const [domain, ...rest] = principal.split("/");
    const known = domains.some((name) => isSame(name, domain!));
    if (rest.length !== 4 || !known) return [principal];
    return [
      ...new Set(
        domains.map((name) =>
          isSame(name, domain!) ? principal : [name, ...rest].join("/")
        ),
      ),
    ];
  });
}

/** Whether a written trust domain, with a star in front perhaps, is that one. */
function isSame(domain: string, written: string): boolean {
  return written.startsWith("*")
    ? domain.endsWith(written.slice(1))
    : domain === written;
}
