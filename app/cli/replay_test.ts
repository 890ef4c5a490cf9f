import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { InputError } from "../../core/errors.ts";
import { replayLog } from "../replay_log.ts";
import { UsageError } from "./_exit.ts";
import { replay } from "./replay.ts";

const CLUSTER = `apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.0.1.0/24]}
status: {addresses: [{type: InternalIP, address: 172.18.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: default, labels: {app: a}}
spec: {nodeName: n1, containers: [{name: c}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.5}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: default, labels: {app: b}}
spec: {nodeName: n1, containers: [{name: c, ports: [{containerPort: 80}]}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.6}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: default}
spec: {podSelector: {matchLabels: {app: b}}, policyTypes: [Ingress]}
`;

/** Asks a server of which nobody knows what it says. */
const CUSTOM_AUTHORIZER = `---
apiVersion: v1
kind: Namespace
metadata: {name: default, labels: {istio-injection: enabled}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: default}
spec:
  action: CUSTOM
  provider: {name: elsewhere}
  rules: [{to: [{operation: {ports: ["80"]}}]}]
`;

/** A line as hubble prints it: a opens a connection to b's port. */
function line(index: number, verdict: string, port = 80): string {
  const time = `2026-01-01T00:00:${`${index}`.padStart(2, "0")}Z`;
  return JSON.stringify({
    flow: {
      time,
      verdict,
      IP: { source: "10.0.1.5", destination: "10.0.1.6", ipVersion: "IPv4" },
      l4: {
        TCP: {
          source_port: 40_000 + index,
          destination_port: port,
          flags: { SYN: true },
        },
      },
      source: { namespace: "default", pod_name: "a" },
      destination: { namespace: "default", pod_name: "b" },
      is_reply: false,
      ...(verdict === "DROPPED" ? { drop_reason_desc: "POLICY_DENIED" } : {}),
    },
    node_name: "n1",
    time,
  });
}

async function withRecording(
  lines: readonly string[],
  run: (args: string[], directory: string) => Promise<void>,
): Promise<void> {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${directory}/cluster.yaml`, CLUSTER);
    Deno.writeTextFileSync(`${directory}/flows.jsonl`, lines.join("\n"));
    const args = [
      "--cluster",
      `${directory}/cluster.yaml`,
      "--flows",
      `${directory}/flows.jsonl`,
    ];
    await run(args, directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("replay() groups the flows that would change by cause, with one of them to see", async () => {
  const lines = [1, 2, 3].map((index) => line(index, "FORWARDED"));
  await withRecording(lines, async (args) => {
    const { output, exit } = await replay([
      ...args,
      "--stack",
      "kube-proxy,cilium",
    ]);
    assertEquals(exit, 1);
    assertStringIncludes(
      output,
      "kube-proxy -> cilium: 3 of 3 flows change, 1 cause",
    );
    assertStringIncludes(output, "3 x pod/default/a -> tcp://10.0.1.6:80");
    assertStringIncludes(output, "journeys part after");
    assertStringIncludes(output, "cluster.yaml:");
  });
});

Deno.test("replay() runs a node's own maps where they are given", async () => {
  const lines = [1, 2, 3].map((index) => line(index, "FORWARDED"));
  await withRecording(lines, async (args, directory) => {
    Deno.mkdirSync(`${directory}/n1`);
    const put = (name: string, value: unknown) =>
      Deno.writeTextFileSync(`${directory}/n1/${name}`, JSON.stringify(value));
    put("endpoints.json", {
      "10.0.1.5:0": ["id=5 sec_id=501 flags=0x0000 ifindex=5"],
      "10.0.1.6:0": ["id=6 sec_id=601 flags=0x0000 ifindex=7"],
    });
    put("policy-6.json", [{
      ProxyPortNetwork: 0,
      Flags: 0,
      AuthRequirement: 0,
      Precedence: 0xffffff01,
      Cookie: 0,
      Packets: 0,
      Bytes: 0,
      Key: {
        Prefixlen: 40,
        Identity: 0,
        TrafficDirection: 0,
        Nexthdr: 0,
        DestPortNetwork: 0,
      },
    }]);
    const stack = ["--stack", "kube-proxy,cilium"];
    const exit = async (...dumps: string[]) =>
      (await replay([...args, ...stack, ...dumps])).exit;
    assertEquals(await exit(), 1);
    assertEquals(await exit("--dump", `n1=${directory}/n1`), 0);
    Deno.writeTextFileSync(`${directory}/n1/notes.txt`, "not a dump");
    await assertRejects(
      () => exit("--dump", `${directory}/n1`),
      InputError,
      "notes.txt:1:1: Cannot load",
    );
    await assertRejects(() => exit("--dump", "nowhere"), InputError);
  });
});

Deno.test("replay() holds stacks against the verdicts of the recording", async () => {
  await withRecording(
    [line(1, "DROPPED"), line(2, "DROPPED")],
    async (args, directory) => {
      const { output } = await replay([...args, "--stack=cilium,kube-proxy"]);
      assertStringIncludes(
        output,
        "2 x recorded dropped (POLICY_DENIED), kube-proxy says forwarded",
      );
      assertStringIncludes(output, `${directory}/flows.jsonl:1:1`);
      assertEquals(output.includes("cilium says"), false);
    },
  );
});

Deno.test("replay() exits with 0 when nothing changes", async () => {
  await withRecording([line(1, "FORWARDED")], async (args) => {
    const { output, exit } = await replay([
      ...args,
      "--stack",
      "iptables,kube-proxy",
    ]);
    assertEquals(exit, 0);
    assertStringIncludes(output, "0 of 1 flow");
  });
});

Deno.test("replay() exits with 4 for unknowns alone, when they are to count", async () => {
  await withRecording([line(1, "FORWARDED")], async (args, directory) => {
    Deno.writeTextFileSync(`${directory}/cluster.yaml`, CUSTOM_AUTHORIZER, {
      append: true,
    });
    const stacks = ["--stack", "iptables,istio"];
    const { output, exit } = await replay([...args, ...stacks]);
    assertStringIncludes(output, "unknown: 1 flow in istio");
    assertEquals(exit, 0);
    const strict = [...args, ...stacks, "--fail-on", "unknown"];
    assertEquals((await replay(strict)).exit, 4);
  });
});

Deno.test("replay() filters, limits, and lets another stack be the baseline", async () => {
  const lines = [
    line(1, "FORWARDED"),
    line(2, "FORWARDED", 81),
    line(3, "FORWARDED", 81),
  ];
  await withRecording(lines, async (args) => {
    const read = async (...more: string[]) =>
      JSON.parse((await replay([...args, "--json", ...more])).output);
    assertEquals((await read()).flows, 3);
    assertEquals((await read("--where", "dst.port == 81")).flows, 2);
    assertEquals((await read("--limit", "1")).flows, 1);
    const turned = await read("--baseline", "cilium");
    assertEquals(turned.baseline, "cilium");
    assertEquals(turned.comparisons[0].stack, "kube-proxy");
    assertEquals(await read(), await read());
  });
});

Deno.test("replay() says how much of the recording makes no sense", async () => {
  await withRecording([line(1, "FORWARDED"), "{no json"], async (args) => {
    const { output } = await replay(args);
    assertStringIncludes(output, "1 line makes no sense");
  });
  await withRecording(["no flows", "at all"], async (args) => {
    const error = await assertRejects(() => replay(args), InputError);
    assertEquals(error.problems[0]?.at.line, 1);
  });
});

Deno.test("replay() asks for what it needs", async () => {
  await assertRejects(() => replay([]), UsageError, "--cluster is missing");
  await withRecording([], async (args, directory) => {
    await assertRejects(
      () => replay([...args, "--where", "dst.prt == 1"]),
      UsageError,
      "did you mean dst.port?",
    );
    await assertRejects(
      () => replay([...args.slice(0, 3), `${directory}/gone.jsonl`]),
      InputError,
      "gone.jsonl",
    );
    await assertRejects(
      () => replay([...args, "--stack", "kube-prxy"]),
      InputError,
      "kube-proxy",
    );
  });
  const { output } = await replay(["--help"]);
  assert(output.includes("Examples:"));
});

Deno.test("replay() writes every format", async () => {
  await withRecording([line(1, "FORWARDED")], async (args) => {
    const starts = {
      ndjson: '{"baseline":"kube-proxy","stack":"cilium"',
      junit: "<?xml",
      sarif: "{",
      github: "::",
      md: "#",
      html: "<!doctype html>",
    };
    for (const [format, start] of Object.entries(starts)) {
      const { output, exit } = await replay([...args, "-o", format]);
      assertEquals(exit, 1);
      assertEquals(output.slice(0, start.length).toLowerCase(), start, format);
    }
    const same = await replay([
      ...args,
      "--stack",
      "cilium,ebpf",
      "-o",
      "junit",
    ]);
    assertStringIncludes(same.output, 'failures="0"');
  });
});

Deno.test("replay() keeps a log for each stack, whose tape gives the same again", async () => {
  const lines = [line(1, "FORWARDED"), line(2, "FORWARDED", 81)];
  await withRecording(lines, async (args, directory) => {
    const runs = `${directory}/runs`;
    const { exit } = await replay([...args, "--record", runs]);
    assertEquals(exit, 1);
    assertEquals((await replay([...args, "--record", runs])).exit, 1);
    const logs = [...Deno.readDirSync(runs)].map(({ name }) => name)
      .filter((name) => name.endsWith(".dplog"));
    assertEquals(logs.length, 2);
    for (const name of logs) {
      const { before, now, flows } = await replayLog(`${runs}/${name}`);
      assertEquals([now, flows], [before, 2]);
    }
    const stdout = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--allow-read",
        "--allow-env=LOG_TOKENS,LOG_STREAM",
        new URL("./log.ts", import.meta.url).pathname,
        "replay",
        `${runs}/${logs[0]}`,
      ],
    }).output();
    assertEquals(stdout.code, 0);
    const text = new TextDecoder().decode(stdout.stdout);
    assertStringIncludes(text, "2 flows through ");
    assertStringIncludes(text, "the same outcomes");
  });
});

Deno.test("replay() does not take a recording without flows for one without changes", async () => {
  const messageOf = async (args: string[]) =>
    (await assertRejects(() => replay(args), InputError)).message;
  await withRecording([], async (args, directory) => {
    assertStringIncludes(await messageOf(args), "it holds no flow");
    const message = await messageOf([
      ...args,
      "--flows",
      directory,
      "--flows",
      "gone.pcap",
    ]);
    assertStringIncludes(message, "it is a directory");
    assertStringIncludes(message, "Cannot read gone.pcap: it does not exist");
  });
  await withRecording([line(1, "FORWARDED")], async (args) => {
    const message = await messageOf([...args, "--where", "dst.port == 1"]);
    assertStringIncludes(message, "--where and --limit leave no flow");
    for (const stack of ["cilium,cilium", ","]) {
      await assertRejects(
        () => replay([...args, "--stack", stack]),
        UsageError,
      );
    }
  });
});
