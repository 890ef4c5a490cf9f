import { assertEquals } from "@std/assert";
import { protocolOf } from "./service_registry.ts";

Deno.test("protocolOf() goes by appProtocol, then by the first word of the name, then by port", () => {
  const cases = [
    [null, "http-web", 80, "http"],
    [null, "grpc-web-x", 80, "http"],
    [null, "HTTP2", 80, "http"],
    [null, "https", 443, "tls"],
    [null, "tcp-db", 5432, "tcp"],
    [null, "mysql", 3306, "tcp"],
    [null, "web", 80, "auto"],
    [null, null, 80, "auto"],
    [null, null, 3306, "tcp"],
    [null, "httpx", 80, "auto"],
    ["tcp", "http", 80, "tcp"],
    ["kubernetes.io/h2c", "x", 80, "http"],
    ["kubernetes.io/wss", "x", 80, "tls"],
  ] as const;
  for (const [appProtocol, name, port, protocol] of cases) {
    assertEquals(protocolOf({ appProtocol, name, port }), protocol, `${name}`);
  }
});
