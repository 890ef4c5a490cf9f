import { errorText } from "./error_text.ts";
import { type Backend, KernelHost } from "./kernel_host.ts";
import { layoutsKnown } from "./libc.ts";

/** Whether the kernel can be asked here, and why not. */
export type Availability =
  | { readonly ok: true }
  | { readonly ok: false; readonly why: string };

const known = new Map<Backend, Availability>();

/**
 * Tries what a kernel stack needs: root or its capabilities, TUN devices, and
 * the tools. The answer is remembered.
 *
 * @example
 * ```ts ignore
 * const kernel = kernelAvailable();
 * if (!kernel.ok) print(`kernel: not run: ${kernel.why}`);
 * ```
 */
export function kernelAvailable(backend: Backend = "legacy"): Availability {
  let answer = known.get(backend);
  if (answer === undefined) known.set(backend, answer = tried(backend));
  return answer;
}

function tried(backend: Backend): Availability {
  if (!layoutsKnown()) {
    const { os, arch } = Deno.build;
    return {
      ok: false,
      why: `it needs Linux on x86_64 or aarch64, not ${os} on ${arch}`,
    };
  }
  try {
    using host = new KernelHost({
      backend,
      links: [{ name: "eth0", addresses: ["192.0.2.1/32"], routes: [] }],
      delivery: "probe",
      traced: true,
    });
    host.load(
      "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n",
      "create tried hash:ip\n",
    );
    return { ok: true };
  } catch (error) {
    return { ok: false, why: errorText(error) };
  }
}
