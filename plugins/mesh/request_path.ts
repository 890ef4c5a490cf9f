import {
  AS_SENT,
  normalizeTarget,
  type PathNormalization,
} from "../../core/l7/normalize_path.ts";
import type { HttpRequest } from "../../core/packet/packet.ts";
import type { MeshOptions } from "./options.ts";

type Setting = MeshOptions["pathNormalization"];

const BASE: PathNormalization = { ...AS_SENT, dots: true, backslashes: true };

const MERGED: PathNormalization = { ...BASE, mergeSlashes: "after dots" };

/** What each setting of `pathNormalization` does (istio/api mesh/v1alpha1/config.proto, ProxyPathNormalization). */
const NORMALIZATIONS: Readonly<Record<Setting, PathNormalization>> = {
  NONE: AS_SENT,
  BASE,
  MERGE_SLASHES: MERGED,
  DECODE_AND_MERGE_SLASHES: { ...MERGED, escapedSlashes: true },
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
  const path = normalizeTarget(request.path, NORMALIZATIONS[setting]);
  return path === request.path ? request : { ...request, path };
}
