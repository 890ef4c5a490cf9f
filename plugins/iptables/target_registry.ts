import type {
  RuleTableName,
  RuleTarget,
} from "../../core/import/iptables_rules.ts";
import { type CompiledTarget, DOES } from "./compiled_rule.ts";
import { HEADER_TARGETS } from "./header_targets.ts";
import { MARK_TARGETS } from "./mark_targets.ts";
import { NAT_TARGETS } from "./nat_targets.ts";
import { setTarget } from "./set_target.ts";
import { tproxy } from "./tproxy_target.ts";
import type { TargetCompiler, TargetEnvironment } from "./target_compiler.ts";

/** Targets that log, count or change what the model does not look at, and go on. */
const WITHOUT_EFFECT = [
  "LOG",
  "NFLOG",
  "ULOG",
  "TRACE",
  "AUDIT",
  "CHECKSUM",
  "TCPMSS",
  "CLASSIFY",
  "SECMARK",
  "CONNSECMARK",
  "IDLETIMER",
  "LED",
  "RATEEST",
  "TEE",
];

/** Every target that is modelled, by name. A new one is one more entry. */
const TARGETS: Readonly<Record<string, TargetCompiler>> = {
  ACCEPT: () => ({ does: DOES.accept }),
  DROP: () => ({ does: DOES.drop }),
  RETURN: () => ({ does: DOES.return }),
  REJECT: ({ options }) => ({
    does: DOES.reject,
    rejectWith: options[0]?.values[0] === "tcp-reset"
      ? "tcp-reset"
      : "icmp-unreachable",
  }),
  ...Object.fromEntries(
    WITHOUT_EFFECT.map((name) => [name, () => ({ does: DOES.next })]),
  ),
  SET: setTarget,
  TPROXY: tproxy,
  ...HEADER_TARGETS,
  ...MARK_TARGETS,
  ...NAT_TARGETS,
};

/** Compiles one target; an unmodelled one says so. */
export function compileTarget(
  target: RuleTarget,
  environment: TargetEnvironment & { readonly table: RuleTableName },
): CompiledTarget {
  const compiler = Object.hasOwn(TARGETS, target.name)
    ? TARGETS[target.name]!
    : undefined;
  if (compiler === undefined) {
    return { does: DOES.unknown, unknown: `target ${target.name}` };
  }
  const only = target.name in NAT_TARGETS ? "nat" : environment.table;
  return only === environment.table
    ? compiler(target, environment)
    : { does: DOES.unknown, unknown: `target ${target.name} outside of nat` };
}
