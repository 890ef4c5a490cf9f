/** Every bound of the server in one place; past one there is a clear answer, never a hang. */
export const SERVER_LIMITS = {
  /** Bytes of a JSON request. */
  jsonBytes: 3 * 1024 * 1024,
  /** Bytes of a request that starts a run. */
  runRequestBytes: 64 * 1024,
  /** Nesting of a JSON request. */
  jsonDepth: 64,
  /** Bytes of an uploaded scenario with its files. */
  scenarioBytes: 16 * 1024 * 1024,
  /** Bytes of uploaded manifests. */
  clusterBytes: 64 * 1024 * 1024,
  /** Bytes of an uploaded recording. */
  flowsBytes: 1024 * 1024 * 1024,
  /** Bytes of all uploads together. */
  storedBytes: 20 * 1024 * 1024 * 1024,
  /** Milliseconds between two chunks of a request's body. */
  bodyIdleMs: 10_000,
  /** Milliseconds for the whole body of a JSON request. */
  bodyTotalMs: 60_000,
  /** Milliseconds of one question to a worker: a comparison, a journey, a state. */
  questionMs: 20_000,
  /** Heap of a worker that answers questions. */
  questionHeapMegabytes: 768,
  /** Bytes of one answer of a worker. */
  answerBytes: 128 * 1024 * 1024,
  /** Questions that wait for a worker. */
  waitingQuestions: 500,
  /** Runs that wait for their turn. */
  waitingRuns: 1_000,
  /** Flows of one comparison that is answered at once. */
  comparedFlows: 2_000,
  /** Flows of one run. */
  runFlows: 200_000,
  /** Events of a tape. */
  tapeEvents: 1_000_000,
  /** Flow results that are kept to judge a scenario as a whole. */
  judgedResults: 50_000,
  /** Flow results kept with their journeys. */
  tracedResults: 5_000,
  /** Flows of a run up to which its log has every hop, unless it is told. */
  tracedFlows: 2_000,
  /** Causes listed of one comparison. */
  causes: 200,
  /** Rules listed of one run. */
  rules: 5_000,
  /** Edges listed of one run. */
  edges: 5_000,
  /** Objects of a kind listed in a state. */
  stateObjects: 2_000,
  /** Items of one page. */
  pageItems: 1_000,
  /** Brief rows of one page. */
  briefItems: 20_000,
  /** Causes of a comparison whose witness a report shows hop by hop. */
  tracedCauses: 50,
  /** Lines shown above and below one of a source. */
  sourceLines: 6,
  /** Bytes of a page of events, about. */
  logPageBytes: 8 * 1024 * 1024,
  /** Bytes of rows that one request looks through for a filter. */
  scannedBytes: 64 * 1024 * 1024,
  /** Streams of progress open at one time. */
  eventStreams: 200,
} as const;
