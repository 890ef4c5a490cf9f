/**
 * Whether text matches a pattern in which `*` stands for anything. Linear in
 * the text for each star: it backs up to the last star only.
 */
export function matchesGlob(text: string, pattern: string): boolean {
  let t = 0;
  let p = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === "*") {
      star = p++;
      resume = t;
    } else if (p < pattern.length && pattern[p] === text[t]) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

/**
 * Whether a rule's name matches: as a whole, or from one of its words on, so
 * that a chain need not be written with its table. `CHAIN/*` is any rule of a
 * chain.
 */
export function matchesRule(name: string, pattern: string): boolean {
  const wanted = pattern.replaceAll("/", ":");
  const written = name.replaceAll("/", ":");
  if (matchesGlob(written, wanted)) return true;
  for (
    let at = written.indexOf(" ");
    at >= 0;
    at = written.indexOf(" ", at + 1)
  ) {
    if (matchesGlob(written.slice(at + 1), wanted)) return true;
  }
  return false;
}
