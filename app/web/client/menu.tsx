import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** Something that opens below its button, and closes on Escape or when one goes elsewhere. */
export function Menu(
  { label, align = "left", onOpen, children }: {
    readonly label: ComponentChildren;
    readonly align?: "left" | "right";
    readonly onOpen?: () => void;
    readonly children: ComponentChildren;
  },
) {
  const box = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!open) return;
    const leave = ({ target }: Event) => {
      if (target instanceof Node && !box.current?.contains(target)) {
        setOpen(false);
      }
    };
    addEventListener("pointerdown", leave);
    addEventListener("focusin", leave);
    return () => {
      removeEventListener("pointerdown", leave);
      removeEventListener("focusin", leave);
    };
  }, [open]);
  return (
    <details
      ref={box}
      class={`menu ${align}`}
      open={open}
      onToggle={(event) => {
        const now = event.currentTarget.open;
        setOpen(now);
        if (now && !open) onOpen?.();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.preventDefault();
        setOpen(false);
        box.current?.querySelector("summary")?.focus();
      }}
    >
      <summary>{label}</summary>
      {children}
    </details>
  );
}
