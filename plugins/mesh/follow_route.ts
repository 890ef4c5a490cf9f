import { splitAuthority } from "../../core/l7/request.ts";
import { redirectLocation, rewriteRequest } from "../../core/l7/rewrite.ts";
import type { WeightedTarget } from "../../core/l7/route.ts";
import type { RouteResult } from "../../core/l7/route_table.ts";
import type { HttpRequest } from "../../core/packet/packet.ts";
import type { ProxyDecision } from "../../core/replay/plugin.ts";
import { answer, unknown } from "./decision.ts";
import { openUpstream, type UpstreamTarget } from "./open_upstream.ts";
import type { Outgoing } from "./outbound.ts";
import type { Upstream } from "./upstream.ts";

/** Does what a matched route says. */
export function followRoute(
  found: Extract<RouteResult<Upstream>, { kind: "route" }>,
  request: HttpRequest,
  outgoing: Outgoing,
): ProxyDecision {
  const { route, match, rule } = found;
  const { action } = route;
  const said = { rule, route: route.name, verdict: "forwarded" as const };
  switch (action.kind) {
    case "unknown":
      return unknown({ reason: action.reason, rule });
    case "respond":
      return answer(action.status, { ...said, reason: action.reason });
    case "redirect":
      return answer(action.redirect.status, {
        ...said,
        reason: "redirect",
        location: redirectLocation(request, action.redirect, {
          match: match.path,
          defaultPort: splitAuthority(request.authority).port,
        }),
      });
    case "forward": {
      const doubt = action.targets.find(({ weight, target }) =>
        weight > 0 && target.kind === "unknown"
      );
      if (doubt?.target.kind === "unknown") {
        return unknown({ reason: doubt.target.reason, rule: doubt.rule });
      }
      const filtered = rewriteRequest(request, action.filters, match.path);
      const authorityKept = action.filters.host !== null;
      const targets = action.targets.map((target) =>
        upstreamTarget(target, { request: filtered, authorityKept })
      );
      const { emptyStatus } = action;
      return openUpstream(
        { targets, route: route.name, rule, emptyStatus },
        outgoing,
      );
    }
  }
}

/** A share of the route with the request as it would get it; the route's own authority wins over the share's. */
function upstreamTarget(
  { weight, target, filters, rule }: WeightedTarget<Upstream>,
  { request, authorityKept }: {
    readonly request: HttpRequest;
    readonly authorityKept: boolean;
  },
): UpstreamTarget {
  const host = authorityKept ? null : filters.host;
  const own = rewriteRequest(request, { ...filters, host }, null);
  return {
    weight,
    rule,
    payload: { kind: "http", request: own },
    upstream: target.kind === "backend" ? target.backend : null,
    answer: target.kind === "respond" ? target : null,
  };
}
