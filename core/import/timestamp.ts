const NS_PER_S = 1_000_000_000n;

/**
 * Nanoseconds since 1970 of an RFC 3339 time; undefined when the text is
 * none. All of the nine digits that protobuf writes count, which is why this
 * is no work for `Date`.
 */
export function parseTimestamp(text: string): bigint | undefined {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d{0,9})?(?:[Zz]|([+-])(\d\d):(\d\d))$/
      .exec(text);
  if (match === null) return undefined;
  const field = (index: number) => Number(match[index]);
  const [month, day] = [field(2), field(3)];
  if (month < 1 || month > 12 || day < 1 || day > 31 || field(4) > 23) {
    return undefined;
  }
  const offsetS = match[8] === undefined
    ? 0
    : (field(9) * 3600 + field(10) * 60) * (match[8] === "-" ? -1 : 1);
  const seconds = daysSinceEpoch(field(1), month, day) * 86_400 +
    field(4) * 3600 + field(5) * 60 + field(6) - offsetS;
  return BigInt(seconds) * NS_PER_S + BigInt((match[7] ?? "").padEnd(9, "0"));
}

/** RFC 3339 text with nine digits, in UTC. */
export function formatTimestamp(timeNs: bigint): string {
  const nanoseconds = ((timeNs % NS_PER_S) + NS_PER_S) % NS_PER_S;
  const seconds = Number((timeNs - nanoseconds) / NS_PER_S);
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - days * 86_400;
  const { year, month, day } = civilDate(days);
  const two = (value: number) => `${Math.floor(value)}`.padStart(2, "0");
  return `${`${year}`.padStart(4, "0")}-${two(month)}-${two(day)}T${
    two(rest / 3600)
  }:${two((rest % 3600) / 60)}:${two(rest % 60)}.${
    `${nanoseconds}`.padStart(9, "0")
  }Z`;
}

/** Howard Hinnant's `days_from_civil`: years are counted from March, so that the leap day comes last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Howard Hinnant's `civil_from_days`, the inverse. */
function civilDate(days: number) {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  };
}
