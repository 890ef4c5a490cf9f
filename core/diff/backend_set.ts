import type { Outcome, WeightedBackend } from "../replay/outcome.ts";

/**
 * How far two shares may differ and still be the same: netfilter's
 * `statistic` rounds probabilities to 31 bits and kube-proxy writes ten digits.
 */
const SHARE_TOLERANCE = 1e-6;

/** The set a backend was picked from; a single backend is a set of one. */
export function backendSet(outcome: Outcome): readonly WeightedBackend[] {
  if (outcome.backends.length > 0) return outcome.backends;
  return outcome.backend === null
    ? []
    : [{ backend: outcome.backend, weight: 1 }];
}

/** Whether the two sets give every backend the same share. */
export function sameShares(
  left: readonly WeightedBackend[],
  right: readonly WeightedBackend[],
): boolean {
  if (left === right) return true;
  const a = shares(left);
  const b = shares(right);
  if (a.size !== b.size) return false;
  for (const [backend, share] of a) {
    const other = b.get(backend);
    if (other === undefined || Math.abs(other - share) > SHARE_TOLERANCE) {
      return false;
    }
  }
  return true;
}

/** `10.0.0.1:80 50%, 10.0.0.2:80 50%`, by address. */
export function formatShares(set: readonly WeightedBackend[]): string {
  const entries = [...shares(set)].sort(([a], [b]) => a < b ? -1 : 1);
  if (entries.length < 2) return entries[0]?.[0] ?? "none";
  return entries
    .map(([backend, share]) => `${backend} ${percent(share)}`)
    .join(", ");
}

function shares(set: readonly WeightedBackend[]): Map<string, number> {
  let total = 0;
  for (const { weight } of set) total += weight;
  const byBackend = new Map<string, number>();
  for (const { backend, weight } of set) {
    if (weight <= 0 || total <= 0) continue;
    byBackend.set(backend, (byBackend.get(backend) ?? 0) + weight / total);
  }
  return byBackend;
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10}%`;
}
