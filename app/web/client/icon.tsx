const PATHS = {
  reply: "M6 4L2 8l4 4M2 8h8a4 4 0 0 1 4 4",
  stop: "M5 1.5h6L14.5 5v6L11 14.5H5L1.5 11V5zM5 8h6",
  copy: "M5 5V2h9v9h-3M2 5h9v9H2z",
  upload: "M8 11V2M4.5 5.5L8 2l3.5 3.5M2 11v3h12v-3",
  download: "M8 2v9M4.5 7.5L8 11l3.5-3.5M2 11v3h12v-3",
  back: "M10 3L5 8l5 5",
  next: "M6 3l5 5-5 5",
  skip: "M3 3l5 5-5 5M12 3v10",
  close: "M3 3l10 10M13 3L3 13",
  play: "M4 2.5v11L13 8z",
} as const;

/** A small line drawing; what it means stands beside it as text. */
export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
