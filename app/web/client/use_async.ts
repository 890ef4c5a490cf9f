import { useEffect, useState } from "preact/hooks";

/** Something that is being fetched, is there, or cannot be had. */
export interface Loaded<T> {
  readonly value: T | null;
  readonly error: Error | null;
  readonly loading: boolean;
}

/**
 * Fetches again whenever the key changes. The last value stays until the next
 * is there, unless it was for another subject: then it would mislead.
 */
export function useAsync<T>(
  key: string | null,
  load: () => Promise<T>,
  { keep = false }: { readonly keep?: boolean } = {},
): Loaded<T> {
  const [state, setState] = useState<
    Loaded<T> & { readonly key: string | null }
  >({
    key: null,
    value: null,
    error: null,
    loading: key !== null,
  });
  useEffect(() => {
    if (key === null) return;
    let current = true;
    const settle = (change: Partial<Loaded<T>>) => {
      if (!current) return;
      const next = { key, value: null, error: null, loading: false, ...change };
      setState(next);
    };
    setState((before) => ({
      ...before,
      value: keep ? before.value : null,
      error: null,
      loading: true,
    }));
    load().then(
      (value) => settle({ value }),
      (error) => settle({ error: asError(error) }),
    );
    return () => {
      current = false;
    };
  }, [key]);
  if (state.key !== key && !keep) {
    return { value: null, error: null, loading: key !== null };
  }
  return state;
}

/** Whatever was thrown, as an error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
