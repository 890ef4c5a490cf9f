import type { ComponentChildren } from "preact";
import { type Surprise, SURPRISE_TEXT } from "./surprise.ts";

/** A shape of its own for every surprise: told apart without colour. */
export function Glyph({ surprise }: { readonly surprise: Surprise }) {
  return (
    <svg
      class={`glyph glyph-${surprise}`}
      viewBox="0 0 16 16"
      role="img"
      aria-label={SURPRISE_TEXT[surprise]}
    >
      {SHAPES[surprise]}
    </svg>
  );
}

const SHAPES: Readonly<Record<Surprise, ComponentChildren>> = {
  same: <path class="stroke" d="M3 6h10M3 10h10" />,
  legal: (
    <>
      <circle class="stroke" cx="6" cy="8" r="4.2" />
      <circle class="stroke" cx="10" cy="8" r="4.2" />
    </>
  ),
  expected: (
    <>
      <path class="fill" d="M8 1l7 7-7 7-7-7z" />
      <path class="cut" d="M5 6.6h6M5 9.4h6M9.6 4.6l-3.2 6.8" />
    </>
  ),
  unknown: (
    <>
      <circle class="stroke dashed" cx="8" cy="8" r="6.4" />
      <path class="stroke" d="M6 6.4a2 2 0 1 1 2.6 1.9c-.5.2-.6.5-.6 1.1" />
      <circle class="fill" cx="8" cy="11.6" r=".9" />
    </>
  ),
  unexpected: (
    <>
      <path class="fill" d="M2 2h12v12H2z" />
      <path class="cut" d="M8 4.4v4.8M8 11v1.2" />
    </>
  ),
};

/** A closed padlock where a wire is encrypted, an open one where it is not. */
export function Padlock({ kinds }: { readonly kinds: readonly string[] }) {
  const bare = kinds.length === 0 || kinds.every((kind) => kind === "none");
  const text = kinds.length === 0
    ? "no wire crossed"
    : bare
    ? "not encrypted"
    : `encrypted: ${kinds.join(", ")}`;
  return (
    <svg
      class={`padlock ${bare ? "open" : "closed"}`}
      viewBox="0 0 16 16"
      role="img"
      aria-label={text}
    >
      <rect
        class={bare ? "stroke" : "fill"}
        x="3"
        y="7"
        width="10"
        height="7"
        rx="1.2"
      />
      <path
        class="stroke"
        d={bare
          ? "M5 7V4.5a2.6 2.6 0 0 1 5-1"
          : "M5.2 7V5a2.8 2.8 0 0 1 5.6 0v2"}
      />
    </svg>
  );
}
