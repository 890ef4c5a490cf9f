import {
  AS_SENT,
  normalizeTarget,
  type PathNormalization,
} from "../../core/l7/normalize_path.ts";
import type { HttpRequest } from "../../core/packet/packet.ts";
import type { MeshOptions } from "./options.ts";

type Setting = MeshOptions["pathNormalization"];

const BASE: PathNormalization = { ...AS_SENT, dots: true, backslashes: true };

/** Envoy resolves dots before it merges slashes, so `/a//../b` keeps its `a`. */
const MERGE: PathNormalization = { ...AS_SENT, mergeSlashes: true };

/** Steps of each setting of `pathNormalization` (istio/api mesh/v1alpha1/config.proto, ProxyPathNormalization). */
const STEPS: Readonly<Record<Setting, readonly PathNormalization[]>> = {
  NONE: [],
  BASE: [BASE],
  MERGE_SLASHES: [BASE, MERGE],
  DECODE_AND_MERGE_SLASHES: [{ ...BASE, escapedSlashes: true }, MERGE],
};

/**
 * A request with its path in the form that filters, routes and servers get;
 * undefined when Envoy refuses it with 400, as it does an escaped NUL.
 */
export function normalizeRequest(
  request: HttpRequest,
  setting: Setting,
): HttpRequest | undefined {
  if (setting !== "NONE" && /^[^?#]*%00/.test(request.path)) return undefined;
  const path = STEPS[setting].reduce(normalizeTarget, request.path);
  return path === request.path ? request : { ...request, path };
}
