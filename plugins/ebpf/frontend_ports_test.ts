import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ServiceFrontend } from "./frontend.ts";
import { FrontendPorts } from "./frontend_ports.ts";

Deno.test("FrontendPorts holds what a Map would hold, whatever comes and goes", () => {
  const key = fc.integer({ min: 0, max: 4 });
  const step = fc.tuple(key, fc.constantFrom("set", "delete"));
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const ports = new FrontendPorts();
    const expected = new Map<number, ServiceFrontend>();
    for (const [at, [key, what]] of steps.entries()) {
      if (what === "set") {
        const frontend = { key: `${at}` } as ServiceFrontend;
        ports.set(key, frontend);
        expected.set(key, frontend);
      } else {
        ports.delete(key);
        expected.delete(key);
      }
      for (let one = 0; one <= 4; one++) {
        assertEquals(ports.has(one), expected.has(one));
        assert(ports.get(one) === expected.get(one));
      }
    }
  }));
});
