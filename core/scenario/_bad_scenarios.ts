/** A scenario with something wrong in it. */
export interface BadScenario {
  /** What is wrong. */
  readonly about: string;
  readonly text: string;
  /** `line:column message / expected / near name?` of each of its problems. */
  readonly problems: readonly string[];
  /** A schema cannot see it: it knows nothing of names, of times, and of what text stands for. */
  readonly beyondSchema?: true;
}

/** What a parser must point at. */
export const BAD_SCENARIOS: readonly BadScenario[] = [
  {
    about: "an empty file",
    text: ``,
    problems: [
      "1:1 Cannot read s.yaml: it is empty / a scenario",
    ],
  },
  {
    about: "a second document",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
steps: []
---
apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
steps: []`,
    problems: [
      "6:1 Cannot read s.yaml: it holds 2 documents / one scenario a file",
    ],
  },
  {
    about: "a list",
    text: `- a`,
    problems: [
      "1:1 Cannot read the scenario: it is a list / a mapping",
    ],
  },
  {
    about: "what is no YAML",
    text: `steps: [`,
    problems: [
      "1:9 Cannot read YAML: flow sequence in block collection must be sufficiently indented and end with a ] / an indentation that fits the lines above",
    ],
  },
  {
    about: "a key that is there twice",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
seed: 1
seed: 2
steps: []`,
    problems: [
      "5:1 Cannot read YAML: the key seed is given twice / one entry; the other is in line 4",
    ],
  },
  {
    about: "a misspelt key and what is missing for it",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stpes: []`,
    problems: [
      "1:1 Cannot read the scenario: steps is missing",
      "4:1 Cannot read stpes: there is no such key / one of apiVersion, kind, metadata, seed, needs, fixtures, stacks, baseline, vars, records, steps, divergences, cost / steps?",
    ],
  },
  {
    about: "a form and a kind that it is not",
    text: `apiVersion: plumbline/v2
kind: Scenaro
metadata: {}
steps: []`,
    problems: [
      "1:1 Cannot read apiVersion: it is plumbline/v2 / one of plumbline/v1, testbench/v1 / plumbline/v1?",
      "2:1 Cannot read kind: it is Scenaro / Scenario / Scenario?",
      "3:1 Cannot read metadata: name is missing",
    ],
  },
  {
    about: "a name that is a list",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: [a]}
steps: []`,
    problems: [
      "3:12 Cannot read metadata.name: it is a list / text",
    ],
  },
  {
    about: "a seed that is too large",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
seed: 4294967296
steps: []`,
    problems: [
      "4:1 Cannot read seed: it is 4294967296 / a whole number from 0 to 4294967295",
    ],
  },
  {
    about: "a misspelt place",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pdo/a/b, to: "tcp://10.0.0.2:80"}
`,
    problems: [
      "6:12 Cannot read steps[0].send.from: there is no place of kind pdo / pod/NAMESPACE/NAME, deploy/NAMESPACE/NAME, node/NAME or ip/ADDRESS / pod?",
    ],
    beyondSchema: true,
  },
  {
    about: "a pod without its namespace",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/b, to: "tcp://10.0.0.2:80"}
`,
    problems: [
      "6:12 Cannot read steps[0].send.from: it is pod/b / pod/NAMESPACE/NAME, deploy/NAMESPACE/NAME, node/NAME or ip/ADDRESS",
    ],
    beyondSchema: true,
  },
  {
    about: "an address that is none",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: ip/300.1.2.3, to: "tcp://10.0.0.2:80"}
`,
    problems: [
      "6:12 Cannot read steps[0].send.from: it is ip/300.1.2.3 / pod/NAMESPACE/NAME, deploy/NAMESPACE/NAME, node/NAME or ip/ADDRESS",
    ],
    beyondSchema: true,
  },
  {
    about: "a misspelt var",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
vars: {web: 10.0.0.2}
steps:
  - send: {from: pod/a/b, to: "tcp://\${wed}:80"}`,
    problems: [
      "6:27 Cannot read steps[0].send.to: there is no var wed / a name from vars / web?",
    ],
    beyondSchema: true,
  },
  {
    about: "a misspelt protocol",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, to: "tpc://10.0.0.2:80"}
`,
    problems: [
      "6:27 Cannot read steps[0].send.to: there is no protocol tpc / PROTOCOL://HOST:PORT with tcp, udp or sctp, or icmp://HOST, as in tcp://web.shop:80 / tcp?",
    ],
    beyondSchema: true,
  },
  {
    about: "a url where an address goes",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, to: "http://10.0.0.2/"}
`,
    problems: [
      "6:27 Cannot read steps[0].send.to: there is no protocol http / PROTOCOL://HOST:PORT with tcp, udp or sctp, or icmp://HOST, as in tcp://web.shop:80 / http: {url: …}?",
    ],
    beyondSchema: true,
  },
  {
    about: "a target without its port",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, to: "tcp://10.0.0.2"}
`,
    problems: [
      "6:27 Cannot read steps[0].send.to: it is tcp://10.0.0.2 / PROTOCOL://HOST:PORT with tcp, udp or sctp, or icmp://HOST, as in tcp://web.shop:80",
    ],
    beyondSchema: true,
  },
  {
    about: "a url that is none",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, http: {url: "httpbin.blue/ip"}}
`,
    problems: [
      "6:34 Cannot read steps[0].send.http.url: it is httpbin.blue/ip / http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH",
    ],
    beyondSchema: true,
  },
  {
    about: "a sender with nowhere to send",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b}
`,
    problems: [
      "6:5 Cannot read steps[0].send: to is missing / to, or http with a url",
    ],
    beyondSchema: true,
  },
  {
    about: "a way in for a sender who is in",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, to: "tcp://10.0.0.2:80", via: n1}
`,
    problems: [
      "6:52 Cannot read steps[0].send.via: the sender is in the cluster / via with a sender ip/ADDRESS only",
    ],
    beyondSchema: true,
  },
  {
    about: "TLS in two places",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, http: {url: "http://a/"}, tls: {}}
`,
    problems: [
      "6:53 Cannot read steps[0].send.tls: http brings its own / an https:// url in http",
    ],
    beyondSchema: true,
  },
  {
    about: "HTTP over UDP",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, to: "udp://10.0.0.2:80", http: {url: "http://a/"}}
`,
    problems: [
      "6:27 Cannot read steps[0].send.to: HTTP goes over tcp / tcp://HOST:PORT",
    ],
    beyondSchema: true,
  },
  {
    about: "too many flows",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, to: "tcp://10.0.0.2:80", count: 100001}
`,
    problems: [
      "6:52 Cannot read steps[0].send.count: it is 100001 / a whole number from 1 to 100000",
    ],
  },
  {
    about: "two actions in a step",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - {send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}, apply: a.yaml}
`,
    problems: [
      "6:5 Cannot read steps[0]: it has apply and send / exactly one of apply, delete, send, replay, load",
    ],
  },
  {
    about: "a step that does nothing",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - {name: idle}
`,
    problems: [
      "6:5 Cannot read steps[0]: it says nothing to do / exactly one of apply, delete, send, replay, load",
    ],
  },
  {
    about: "a misspelt action",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - {sned: {from: pod/a/b, to: "tcp://10.0.0.2:80"}}
`,
    problems: [
      "6:6 Cannot read steps[0].sned: there is no such key / one of name, at, apply, delete, send, replay, load, expect, diverges / send?",
    ],
  },
  {
    about: "expectations of a step that sends nothing",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - {apply: a.yaml, expect: {all: {status: 200}}}
`,
    problems: [
      "6:36 Cannot read steps[0].expect.all.status: the step sends no traffic / status in a step with send or replay",
    ],
    beyondSchema: true,
  },
  {
    about: "a moment that is none",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - {at: soon, send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}}
`,
    problems: [
      "6:6 Cannot read steps[0].at: it is soon / a duration: 1s, 250ms, 1m30s",
    ],
    beyondSchema: true,
  },
  {
    about: "steps that go back in time",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
steps:
  - {at: 2s, send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}}
  - {at: 1s, send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}}`,
    problems: [
      "6:5 Cannot go back in time: the step before is at 2s / steps in the order of their time",
    ],
    beyondSchema: true,
  },
  {
    about: "two steps of one name",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
steps:
  - {name: a, send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}}
  - {name: a, send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}}`,
    problems: [
      "6:5 Cannot tell steps apart: there are two named a / a name of its own for each step",
    ],
    beyondSchema: true,
  },
  {
    about: "a misspelt stack, verdict, field and key in one go",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}
    expect:
      odl: {verdict: forwardd}
      new: {verdcit: drop, diverges: [vrdict]}
`,
    problems: [
      "8:7 Cannot read steps[0].expect.odl: there is no stack odl / one of old, new, all, parity, unknown / old?",
      "8:13 Cannot read steps[0].expect.odl.verdict: it is forwardd / one of forwarded, forward, allow, accept, dropped, drop, rejected, reject, refused, refuse, error, unknown / forwarded?",
      "9:13 Cannot read steps[0].expect.new.verdcit: there is no such key / one of verdict, reason, rule, backend, receiver, source, identity, encrypted, encryption, status, route, request, location, reply, written, full, diverges / verdict?",
      "9:39 Cannot read steps[0].expect.new.diverges[0]: it is vrdict / one of verdict, backend, source, identity, encryption, status, route, request, location, reply, snatSource, encrypted / verdict?",
    ],
  },
  {
    about: "an expectation of the wrong type",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}
    expect: {all: {status: ok, encrypted: maybe, reply: 1}}
`,
    problems: [
      "7:20 Cannot read steps[0].expect.all.status: it is ok / a whole number from 100 to 599",
      "7:32 Cannot read steps[0].expect.all.encrypted: it is maybe / true or false",
      "7:50 Cannot read steps[0].expect.all.reply: it is 1 / true or false",
    ],
  },
  {
    about: "shares that are none",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}
    expect: {unknown: {max: 101%}}
`,
    problems: [
      "7:24 Cannot read steps[0].expect.unknown.max: it is 101% / a count, or a share: 1%",
    ],
    beyondSchema: true,
  },
  {
    about: "parity with a stack that there is not",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}
    expect: {parity: {with: nwe, on: verdict}}
`,
    problems: [
      "7:23 Cannot read steps[0].expect.parity.with: there is no stack nwe / one of old, new, baseline / new?",
    ],
    beyondSchema: true,
  },
  {
    about: "divergences that no one explains",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - {send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}, diverges: D05}
`,
    problems: [
      "6:54 Cannot read steps[0].diverges: there is no divergence D05 / a divergence; the scenario has none",
    ],
    beyondSchema: true,
  },
  {
    about: "a baseline that there is not",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - {name: one, send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}}
baseline: odl
`,
    problems: [
      "7:1 Cannot read baseline: there is no stack odl / one of old, new / old?",
    ],
    beyondSchema: true,
  },
  {
    about: "divergences in steps and stacks that there are not",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - {name: one, send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}}
divergences:
  - {id: D05, step: oen, stacks: [nwe], on: verdcit, class: undefined}
`,
    problems: [
      "8:15 Cannot read divergences[0].step: there is no step oen / one / one?",
      "8:35 Cannot read divergences[0].stacks[0]: there is no stack nwe / one of old, new / new?",
      "8:41 Cannot read divergences[0].on: it is verdcit / one of verdict, backend, source, identity, encryption, status, route, request, location, reply, snatSource, encrypted / verdict?",
      "8:54 Cannot read divergences[0].class: it is undefined / one of specified, unspecified, implementation-defined",
    ],
  },
  {
    about: "limits on costs that there are not",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - {name: one, send: {from: pod/a/b, to: "tcp://10.0.0.2:80"}}
cost: [{stack: nwe, metric: looksup, max: -1}]
`,
    problems: [
      "7:9 Cannot read cost[0].stack: there is no stack nwe / one of old, new / new?",
      "7:21 Cannot read cost[0].metric: it is looksup / one of rules, hashLookups, lpmLookups, arrayLookups, lruLookups, conntrack, proxies, copies, overheadBytes, lookups / lookups?",
      "7:38 Cannot read cost[0].max: it is -1 / a whole number from 0 to 9007199254740991",
    ],
  },
  {
    about: "a stack that uses nothing",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {mode: iptables}}
steps: []`,
    problems: [
      "4:10 Cannot read stacks.old: use is missing / use: a preset or a plugin",
    ],
  },
  {
    about: "records that are no addresses",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
records: {a.example: [10.0.0.300], b.example: {alais: c}}
steps: []`,
    problems: [
      "4:23 Cannot read records.a.example[0]: it is 10.0.0.300 / an IPv4 or IPv6 address",
      "4:36 Cannot read records.b.example: alias is missing",
      "4:48 Cannot read records.b.example.alais: there is no such key / alias / alias?",
    ],
  },
  {
    about: "a recording of two kinds",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - replay: {hubble: a.jsonl, pcap: b.pcap}
`,
    problems: [
      "6:5 Cannot read steps[0].replay: it has hubble and pcap / exactly one of hubble, pcap",
    ],
  },
  {
    about: "a filter on a field that there is not",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - replay: {hubble: a.jsonl, where: "dst.prot in [80]"}
`,
    problems: [
      "6:31 Cannot read steps[0].replay.where: there is no field dst.prot / dst.port in [80,443] and protocol == tcp / dst.port?",
    ],
    beyondSchema: true,
  },
  {
    about: "an object without its kind",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - apply: {metadata: {name: a}}
`,
    problems: [
      "6:5 Cannot read steps[0].apply: apiVersion and kind missing / a Kubernetes object, or a path",
    ],
  },
  {
    about: "an object by a name that is none",
    text: `apiVersion: plumbline/v1
kind: Scenario
metadata: {name: bad}
stacks: {old: {use: kube-proxy}, new: {use: cilium}}
steps:
  - delete: NetworkPolicy
`,
    problems: [
      "6:5 Cannot read steps[0].delete: it is NetworkPolicy / KIND/NAMESPACE/NAME, KIND/NAME, or a file of manifests",
    ],
    beyondSchema: true,
  },
];
