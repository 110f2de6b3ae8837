/*
 * Figures that are asked for again and again while the page is seen.
 */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type Answers, BACKGROUND_HEADER, type OperationId } from '../routes.js';
import { call, Refusal, type Request, Unreachable } from './api.js';

/** Figures this old are shown as such. */
const STALE_MS = 15_000;

export interface Polled<T> {
  /** The last answer; kept while newer ones fail. */
  readonly value: T | undefined;
  readonly error: Refusal | Unreachable | undefined;
  /** RFC 3339; set where the answer is too old to be called present. */
  readonly staleSince: string | undefined;
  readonly again: () => void;
}

/**
 * Asks at once, then every `everyMs` while the tab is visible (0: once).
 * @param key what it depends on: a change starts again
 */
export function usePolled<Id extends OperationId>(
  id: Id,
  request: Request<Id>,
  everyMs: number,
  key = JSON.stringify([request.path, request.query]),
): Polled<Answers[Id]> {
  const [held, setHeld] = useState<{ key: string; value: Answers[Id]; at: number }>();
  const [error, setError] = useState<Refusal | Unreachable>();
  const [round, setRound] = useState(0);
  const [now, setNow] = useState(Date.now);
  const etag = useRef<string | undefined>(undefined);
  const latest = useRef(request);
  latest.current = request;

  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isFirst = true;
    etag.current = undefined;
    const look = async () => {
      // A server that takes a question and never answers is not reached, whatever the last figures said.
      const waiting = new AbortController();
      const limit = everyMs > 0 ? setTimeout(() => waiting.abort(new Unreachable()), STALE_MS) : undefined;
      try {
        const known = etag.current;
        const reply = await call(id, {
          ...latest.current,
          signal: AbortSignal.any([stop.signal, waiting.signal]),
          headers: {
            // The first look is a person's; those that follow keep no session alive.
            ...(isFirst ? {} : { [BACKGROUND_HEADER]: '1' }),
            ...(known === undefined ? {} : { 'if-none-match': known }),
          },
        });
        isFirst = false;
        etag.current = reply.headers.get('etag') ?? undefined;
        const at = Date.now();
        if (reply.status === 304) setHeld((before) => before && { ...before, at });
        else setHeld({ key, value: reply.value, at });
        setError(undefined);
      } catch (failure) {
        if (stop.signal.aborted) return;
        setError(failure instanceof Refusal || failure instanceof Unreachable ? failure : new Unreachable());
      } finally {
        clearTimeout(limit);
      }
      setNow(Date.now());
      if (everyMs > 0 && !stop.signal.aborted) timer = setTimeout(next, everyMs);
    };
    const next = () => {
      timer = undefined;
      // A tab in the background asks for nothing; it goes on as soon as it is seen.
      if (!document.hidden) void look();
    };
    const seen = () => {
      if (!document.hidden && timer === undefined && everyMs > 0) next();
    };
    document.addEventListener('visibilitychange', seen);
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [id, everyMs, key, round]);

  const again = useCallback(() => setRound((count) => count + 1), []);
  const isMine = held?.key === key;
  const isStale = isMine && error !== undefined && now - held.at > STALE_MS;
  return {
    value: isMine ? held.value : undefined,
    error,
    staleSince: isStale ? new Date(held.at).toISOString() : undefined,
    again,
  };
}
