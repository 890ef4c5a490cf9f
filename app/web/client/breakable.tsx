/** Text that may be broken after its separators, and nowhere else unless it must. */
export function Breakable({ text }: { readonly text: string }) {
  const parts = text.split(/(?<=[,/_.:;=])/);
  return (
    <>
      {parts.map((part, index) => (
        <span key={index}>
          {part}
          <wbr />
        </span>
      ))}
    </>
  );
}
