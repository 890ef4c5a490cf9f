import { InputError } from "../../core/errors.ts";
import { printTables } from "../../core/import/iptables_print.ts";
import { nodeTables } from "../../plugins/iptables/node_tables.ts";
import { optionsSchema } from "../../plugins/iptables/options.ts";
import { kernelPlugin } from "../../plugins/kernel/mod.ts";

export {
  closeKernels as release,
  kernelAvailable as available,
} from "../../plugins/kernel/mod.ts";

/**
 * The kernel with the rules that the iptables plugin would run: those of a
 * dump, else those of kube-proxy for the cluster as it is. The plugin's
 * options go under `rules`.
 */
export default kernelPlugin((cluster, node, options) => {
  const checked = optionsSchema.safeParse(options);
  if (!checked.success) {
    throw new InputError([{
      message: `Cannot use kernel: rules: ${
        checked.error.issues.map(({ message }) => message).join("; ")
      }`,
      at: { file: "options", line: 1, column: 1 },
    }]);
  }
  if (checked.data.mode !== "iptables") {
    throw new InputError([{
      message:
        `Cannot use kernel: rules of mode ${checked.data.mode} are not loaded into it`,
      at: { file: "options", line: 1, column: 1 },
      expected: "mode iptables",
    }]);
  }
  return printTables(nodeTables(cluster, node, checked.data).v4);
});
