/** What stands in place of a secret. */
export const REDACTED = "REDACTED";

/** Headers whose values are secrets of the recorded system. */
const SECRET_HEADERS = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "set-cookie",
  "x-amz-security-token",
  "x-api-key",
  "x-auth-token",
  "x-csrf-token",
]);

/** A header's value, unless it is a secret. */
export function redactHeader(name: string, value: string): string {
  return SECRET_HEADERS.has(name.toLowerCase()) ? REDACTED : value;
}

/** A request target without the secrets in its query. */
export function redactTarget(target: string): string {
  return target.replace(
    /([?&](?:access_token|api_key|apikey|auth|key|passwd|password|secret|sig|signature|token)=)[^&#]*/gi,
    `$1${REDACTED}`,
  );
}
