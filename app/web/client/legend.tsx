import { Glyph } from "./glyph.tsx";
import { SURPRISE_TEXT, SURPRISES } from "./surprise.ts";

/** What the shapes mean. */
export function Legend() {
  return (
    <ul class="legend plain" aria-label="Legend">
      {SURPRISES.map((surprise) => (
        <li key={surprise}>
          <Glyph surprise={surprise} />
          <span aria-hidden="true">{SURPRISE_TEXT[surprise]}</span>
        </li>
      ))}
    </ul>
  );
}
