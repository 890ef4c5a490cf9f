import { PROTOCOL } from "../../../core/packet/packet.ts";
import type { Judgement } from "../../../core/policy/judgement.ts";
import type { Party } from "../../../core/policy/party.ts";
import type { PolicyDirection } from "../../../core/policy/policy.ts";
import type { Rule } from "../../../core/source.ts";
import { placeOf } from "../dumps/entry_places.ts";
import { policyMapName } from "../dumps/loaded_dumps.ts";
import { POLICY_KEY } from "../maps/policy_layouts.ts";
import type { FoundPolicy, PolicyMap } from "../maps/policy/policy_map.ts";
import { kindOf } from "./live_identities.ts";

/** What a packet is held against, without its peer's number. */
export interface LiveLookup {
  readonly direction: PolicyDirection;
  readonly protocol: number;
  readonly port: number;
}

/** Answers remembered of one map; more are forgotten all at once. */
const MOST_ANSWERS = 200_000;

/** An identity that no map has an entry for. */
const NOBODY = 0xffffffff;

/** Modes of authentication by number (pkg/policy/types/auth.go). */
const AUTHENTICATION: Readonly<Record<number, string>> = {
  1: "required",
  2: "test-always-fail",
};

/** One endpoint's policy map as it was dumped, asked as __policy_can_access asks it. */
export class LivePolicy {
  readonly #name: string;
  readonly #map: PolicyMap;
  readonly #answers = new Map<string, LiveAnswer>();
  #identities: readonly number[] | null = null;

  constructor(endpoint: number, map: PolicyMap) {
    this.#name = policyMapName(endpoint);
    this.#map = map;
  }

  /** What the map says to someone with a number. */
  answer(identity: number, packet: LiveLookup): LiveAnswer {
    const { direction, protocol, port } = packet;
    const key = `${identity} ${direction} ${protocol} ${port}`;
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      if (this.#answers.size >= MOST_ANSWERS) this.#answers.clear();
      this.#answers.set(key, answer = this.#read(identity, packet));
    }
    return answer;
  }

  /**
   * What the map says to someone whose number is not known: what it would say
   * whichever number it was; undefined when that differs.
   */
  answerToAny(
    { kind }: Party,
    packet: LiveLookup,
  ): LiveAnswer | undefined {
    const [first, ...others] = [
      NOBODY,
      ...this.#mentioned().filter((one) => kindOf(one) === kind),
    ].map((one) => this.answer(one, packet));
    const same = others.every(({ judgement, redirected }) =>
      judgement.verdict === first!.judgement.verdict &&
      judgement.explicit === first!.judgement.explicit &&
      judgement.authentication === first!.judgement.authentication &&
      redirected === first!.redirected
    );
    return same ? first : undefined;
  }

  /** What is cited where it is not known which entry decides. */
  rule(direction: PolicyDirection, text: string): Rule {
    return { name: `${this.#name} ${direction}`, text };
  }

  #mentioned(): readonly number[] {
    return this.#identities ??= [
      ...new Set(
        [...this.#map.map.entries()].map(({ key }) =>
          POLICY_KEY.decode(key).sec_label
        ),
      ),
    ].filter((one) => one !== 0).sort((a, b) => a - b);
  }

  #read(identity: number, packet: LiveLookup): LiveAnswer {
    const { direction, protocol, port } = packet;
    const egress = direction === "egress";
    const found = this.#map.findEntry({ identity, egress, protocol, port });
    if (found === undefined) {
      const asked = `${identity} ${portText(protocol, port)}`;
      return {
        judgement: {
          ...DENIED,
          rule: { name: `${this.#name} ${direction} ${asked} (no entry)` },
        },
        redirected: 0,
      };
    }
    const { value } = found;
    const rule = this.#ruleOf(found, direction);
    if (value.deny === 1) {
      return {
        judgement: { ...DENIED, explicit: true, rule },
        redirected: 0,
      };
    }
    return {
      judgement: {
        ...ALLOWED,
        rule,
        authentication: value.auth_type === 0
          ? null
          : AUTHENTICATION[value.auth_type] ?? `type ${value.auth_type}`,
      },
      redirected: value.proxy_port,
    };
  }

  #ruleOf({ key: bytes, value }: FoundPolicy, direction: PolicyDirection) {
    const key = POLICY_KEY.decode(bytes);
    const whom = key.sec_label === 0 ? "any" : `${key.sec_label}`;
    const text = [
      value.deny === 1 ? "deny" : "allow",
      ...(value.proxy_port === 0 ? [] : [`proxy port ${value.proxy_port}`]),
      `precedence ${value.precedence}`,
    ].join(", ");
    const source = placeOf(this.#map.map, bytes);
    return {
      name: `${this.#name} ${direction} ${whom} ${prefixText(key)}`,
      text,
      ...(source === undefined ? {} : { source }),
    };
  }
}

/** What a map says. */
export interface LiveAnswer {
  readonly judgement: Judgement;
  /** The proxy's port, 0 when it goes on without. */
  readonly redirected: number;
}

const ALLOWED: Judgement = {
  verdict: "allow",
  rule: null,
  isolated: true,
  explicit: false,
  l7: null,
  free: true,
  authentication: null,
  reason: null,
  rulesAsked: 0,
  staged: null,
};

const DENIED: Judgement = { ...ALLOWED, verdict: "deny" };

/** A judgement that cannot be made. */
export function undecided(reason: string, rule: Rule | null): Judgement {
  return { ...ALLOWED, verdict: "unknown", reason, rule };
}

/** Bits of a key before the protocol: the identity, the direction. */
const BEFORE_PROTOCOL = 40;

/** `80/TCP`, `8080-8083/TCP`, `any/UDP`, `any`. */
export function prefixText(
  { lpm_key, protocol, dport }: {
    readonly lpm_key: number;
    readonly protocol: number;
    readonly dport: number;
  },
): string {
  const bits = lpm_key - BEFORE_PROTOCOL;
  if (bits <= 0) return "any";
  const portBits = bits - 8;
  if (portBits <= 0) return `any/${protocolText(protocol)}`;
  const size = 2 ** (16 - portBits);
  return portBits >= 16
    ? portText(protocol, dport)
    : `${dport}-${dport + size - 1}/${protocolText(protocol)}`;
}

function portText(protocol: number, port: number): string {
  return `${port}/${protocolText(protocol)}`;
}

function protocolText(protocol: number): string {
  const name = Object.entries(PROTOCOL).find(([, number]) =>
    number === protocol
  )?.[0];
  return name?.toUpperCase() ?? `${protocol}`;
}
