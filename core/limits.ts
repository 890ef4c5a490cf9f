/** Every bound of the core in one place. Exceeding one is a clear error, never a hang. */
export const LIMITS = {
  /** Hops of one packet through one stack before the walk is called a loop. */
  hopsPerPacket: 256,
  /** Proxies in a row, each opening a child flow. */
  childFlowDepth: 16,
  /** Entries of one connection tracking table, as nf_conntrack_max on a large node. */
  conntrackEntries: 1_048_576,
  /** Bytes of one YAML or JSON document. */
  documentBytes: 64 * 1024 * 1024,
  /** Bytes of YAML in more than block style, which takes a slower reader and much memory. */
  yamlFullBytes: 16 * 1024 * 1024,
  /** Nesting of one YAML or JSON document. */
  documentDepth: 100,
  /** YAML aliases resolved in one document. */
  yamlAliases: 1_000,
  /** Values that the aliases of one document stand for, all told. */
  yamlAliasedNodes: 100_000,
  /** Pods of one controller: the replicas that a manifest may ask for. */
  workloadReplicas: 10_000,
  /** Pods that one import makes for controllers. */
  synthesisedPods: 100_000,
  /** Bytes of all files of one import. */
  importBytes: 512 * 1024 * 1024,
  /** Files of one import. */
  manifestFiles: 10_000,
  /** Aliases one DNS name is followed through. */
  dnsAliases: 8,
  /** Problems reported for one file before the rest is only counted. */
  problemsPerFile: 100,
  /** Bytes of one line of NDJSON input. */
  lineBytes: 4 * 1024 * 1024,
  /** Bytes captured of one packet: the largest snapshot length tcpdump writes. */
  packetBytes: 262_144,
  /** Characters of one regular expression of a manifest. */
  regexLength: 4_096,
  /** Events in one log block. */
  blockEvents: 500,
  /** Bytes of one log block before compression. */
  blockBytes: 64 * 1024 * 1024,
  /** Bytes of the header of a log as JSON. */
  logHeaderBytes: 1024 * 1024,
  /** Nesting of one event: a whole document with the envelope round it, far below what overflows a stack. */
  eventDepth: 1_000,
  /** Object shapes whose sorted keys one JSON writer remembers. */
  jsonShapes: 10_000,
  /** Tries of one catalog transaction while another process holds the database. */
  catalogTries: 12,
  /** Bytes of one snapshot in the catalog. */
  snapshotBytes: 16 * 1024 * 1024,
  /** Tunnels in tunnels that a captured packet is unpacked from. */
  tunnelDepth: 4,
  /** VLAN tags in a row. */
  vlanTags: 4,
  /** Extension headers of one IPv6 packet. */
  ipv6Extensions: 16,
  /** Connections a recording is folded into at one time; the one longest unseen is closed for a new one. */
  openConnections: 16_384,
  /** Packets remembered that a translation may show again. */
  recentTranslations: 4_096,
  /** Bytes of one pcapng block that is read, not skipped. */
  captureBlockBytes: 1024 * 1024,
  /** Interfaces of one pcapng section. */
  captureInterfaces: 4_096,
  /** Names, policies, requests or lines remembered of one recorded connection. */
  recordedDetails: 64,
  /** Sets of labels that the connections of a recording share. */
  labelSets: 4_096,
  /** Kinds told apart in the counts of what an import left out. */
  tallyKinds: 64,
  /** Stacks of one scenario. */
  scenarioStacks: 32,
  /** Steps of one scenario. */
  scenarioSteps: 10_000,
  /** Items of any other list or mapping of a scenario. */
  scenarioEntries: 1_000,
  /** Flows that one step of a scenario sends. */
  flowsPerStep: 100_000,
  /** Flows that one step of a scenario replays from a recording. */
  replayedFlows: 1_000_000,
  /** Bytes of one line of a rule dump; iptables-restore reads 10240. */
  ruleLineBytes: 10_240,
  /** Rules of one rule dump. */
  rulesPerDump: 1_000_000,
  /** Rules of one dump that are inserted at a given place. */
  ruleInsertions: 10_000,
  /** Lines of one `wg show` dump: a peer each. */
  wgDumpLines: 100_000,
  /** Entries of one dumped map. */
  mapDumpEntries: 1_000_000,
  /** Answers of a policy index that are remembered; more are forgotten all at once. */
  policyAnswers: 2_000_000,
  /** Entries of a plugin's least-recently-used table. */
  lruEntries: 65_536,
} as const;
