/** Writers of recordings of any size, for tests of what reading them costs. */
import { emitEthernet, ETHER_TYPE } from "../core/packet/ethernet.ts";
import { Ip } from "../core/packet/ip.ts";
import { emitIpv4 } from "../core/packet/ipv4.ts";
import { PROTOCOL, TCP_FLAG } from "../core/packet/packet.ts";
import { emitTcp } from "../core/packet/tcp.ts";

const LABELS = [
  "k8s:app=web",
  "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop",
  "k8s:io.cilium.k8s.policy.cluster=default",
  "k8s:io.cilium.k8s.policy.serviceaccount=default",
  "k8s:io.kubernetes.pod.namespace=shop",
];

/** Writes flow lines until there are so many bytes: each connection has four lines. */
export async function writeFlowLines(
  path: string,
  sizeBytes: number,
): Promise<{ connections: number }> {
  using file = await Deno.open(path, { write: true, create: true });
  let connections = 0;
  for (let written = 0; written < sizeBytes;) {
    let text = "";
    for (let i = 0; i < 500; i++) text += connectionLines(connections++);
    const bytes = new TextEncoder().encode(text);
    await writeAll(file, bytes);
    written += bytes.length;
  }
  return { connections };
}

function connectionLines(index: number): string {
  const client = clientOf(index);
  const end = (pod: string) => ({
    ID: 2015,
    identity: 24_000 + index % 100,
    namespace: "shop",
    labels: LABELS,
    pod_name: pod,
  });
  const line = (reply: boolean, type: number) => {
    const [source, destination] = reply
      ? ["10.9.0.1", client.ip]
      : [client.ip, "10.9.0.1"];
    const [source_port, destination_port] = reply
      ? [8080, client.port]
      : [client.port, 8080];
    const ends = [end(`web-${index % 5000}`), end("api-0")];
    const seconds = Math.floor(index / 1000);
    const time = new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
    return JSON.stringify({
      flow: {
        time,
        verdict: "FORWARDED",
        IP: { source, destination, ipVersion: "IPv4" },
        l4: {
          TCP: {
            source_port,
            destination_port,
            flags: { SYN: true, ...reply ? { ACK: true } : {} },
          },
        },
        source: ends[reply ? 1 : 0],
        destination: ends[reply ? 0 : 1],
        Type: "L3_L4",
        node_name: "kind/worker",
        event_type: { type },
        is_reply: reply,
      },
      node_name: "kind/worker",
      time,
    }) + "\n";
  };
  return line(false, 5) + line(false, 4) + line(true, 4) + line(true, 4);
}

/** Writes a classic pcap file until it has so many bytes: each connection has a SYN, and four packets of 1,000 bytes. */
export async function writeCapture(
  path: string,
  sizeBytes: number,
): Promise<{ connections: number }> {
  using file = await Deno.open(path, { write: true, create: true });
  const header = new DataView(new ArrayBuffer(24));
  header.setUint32(0, 0xa1b2c3d4, true);
  header.setUint16(4, 2, true);
  header.setUint16(6, 4, true);
  header.setUint32(16, 262_144, true);
  header.setUint32(20, 1, true);
  await writeAll(file, new Uint8Array(header.buffer));
  let connections = 0;
  for (let written = 0; written < sizeBytes;) {
    const records: Uint8Array<ArrayBuffer>[] = [];
    for (let i = 0; i < 100; i++) {
      const index = connections++;
      records.push(record(index, TCP_FLAG.syn, 0));
      for (let n = 0; n < 4; n++) {
        records.push(record(index, TCP_FLAG.ack, 1000));
      }
    }
    const bytes = new Uint8Array(await new Blob(records).arrayBuffer());
    await writeAll(file, bytes);
    written += bytes.length;
  }
  return { connections };
}

function record(
  index: number,
  flags: number,
  lengthBytes: number,
): Uint8Array<ArrayBuffer> {
  const client = clientOf(index);
  const between = { source: Ip.of(client.ip), destination: Ip.of("10.9.0.1") };
  const segment = emitTcp(
    {
      sourcePort: client.port,
      destinationPort: 8080,
      sequence: index,
      acknowledgement: 0,
      flags,
      window: 64_240,
      urgent: 0,
      options: new Uint8Array(0),
    },
    new Uint8Array(lengthBytes),
    between,
  );
  const packet = emitIpv4({
    typeOfService: 0,
    identification: index & 0xffff,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    protocol: PROTOCOL.tcp,
    ...between,
    options: new Uint8Array(0),
  }, segment);
  const frame = emitEthernet(
    { destination: 1, source: 2, etherType: ETHER_TYPE.ipv4 },
    packet,
  );
  const bytes = new Uint8Array(16 + frame.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(index / 1000), true);
  view.setUint32(8, frame.length, true);
  view.setUint32(12, frame.length, true);
  bytes.set(frame, 16);
  return bytes;
}

/** No two connections have the same client address and port. */
function clientOf(index: number): { ip: string; port: number } {
  const host = Math.floor(index / 30_000);
  return {
    ip: `10.1.${(host >> 8) & 255}.${host & 255}`,
    port: 32_768 + index % 30_000,
  };
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await file.write(bytes.subarray(at));
  }
}
