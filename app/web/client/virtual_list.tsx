import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Rows beyond the visible ones that are there already when one scrolls. */
const MARGIN = 8;

/**
 * A list box of which only what is visible exists: its rows are of one height.
 * Arrows, Page keys, Home and End move the choice; Enter opens it. The choice
 * is told to assistive technology by `aria-activedescendant`.
 */
export function VirtualList(
  {
    id,
    label,
    count,
    rowHeight,
    active,
    onActive,
    onOpen,
    onVisible,

    children,
  }: {
    readonly id: string;
    readonly label: string;
    readonly count: number;
    readonly rowHeight: number;
    /** Index of the chosen row; -1 when none is. */
    readonly active: number;
    readonly onActive: (index: number) => void;
    readonly onOpen?: (index: number) => void;
    /** Told which rows are in sight, so that they can be fetched. */
    readonly onVisible?: (first: number, end: number) => void;
    readonly children: (index: number) => ComponentChildren;
  },
) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setHeight(entry.contentRect.height);
    });
    if (box.current !== null) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (active >= 0) bringIntoView(box.current, { active, rowHeight });
  }, [active, count, height]);
  const first = Math.max(0, Math.floor(top / rowHeight) - MARGIN);
  const last = Math.min(
    count,
    Math.ceil((top + height) / rowHeight) + MARGIN,
  );
  const visible = Array.from(
    { length: Math.max(0, last - first) },
    (_, index) => first + index,
  );
  useEffect(() => onVisible?.(first, Math.max(first, last - 1)), [first, last]);
  // Assistive technology follows the choice only while its row exists.
  const exists = active >= first && active < last;
  return (
    <div
      ref={box}
      class="virtual"
      role="listbox"
      tabIndex={0}
      id={id}
      aria-label={label}
      style={{ flexBasis: `${count * rowHeight}px` }}
      aria-activedescendant={exists ? `${id}-${active}` : undefined}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={(event) => {
        const page = Math.max(1, Math.floor(height / rowHeight) - 1);
        const next = nextIndex(event.key, { active, count, page });
        if (next !== null) {
          event.preventDefault();
          onActive(next);
        } else if (event.key === "Enter" && active >= 0) {
          event.preventDefault();
          onOpen?.(active);
        }
      }}
    >
      <div class="virtual-all" style={{ height: `${count * rowHeight}px` }}>
        {visible.map((index) => (
          <div
            key={index}
            id={`${id}-${index}`}
            class="virtual-row"
            role="option"
            aria-selected={index === active}
            aria-setsize={count}
            aria-posinset={index + 1}
            style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
            onClick={() => {
              onActive(index);
              onOpen?.(index);
            }}
          >
            {children(index)}
          </div>
        ))}
      </div>
    </div>
  );
}

function nextIndex(
  key: string,
  { active, count, page }: {
    readonly active: number;
    readonly count: number;
    readonly page: number;
  },
): number | null {
  if (count === 0) return null;
  const within = (index: number) => Math.min(Math.max(index, 0), count - 1);
  switch (key) {
    case "ArrowDown":
      return within(active + 1);
    case "ArrowUp":
      return within(active - 1);
    case "PageDown":
      return within(active + page);
    case "PageUp":
      return within(active - page);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}

function bringIntoView(
  box: HTMLElement | null,
  { active, rowHeight }: {
    readonly active: number;
    readonly rowHeight: number;
  },
): void {
  if (box === null) return;
  const top = active * rowHeight;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + rowHeight > box.scrollTop + box.clientHeight) {
    box.scrollTop = top + rowHeight - box.clientHeight;
  }
}
