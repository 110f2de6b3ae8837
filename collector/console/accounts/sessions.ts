import { createHash, randomBytes } from 'node:crypto';
import type { Role } from '../answers.js';

export interface LiveSession {
  readonly user: string;
  readonly role: Role;
  /** Names the session in the audit; nothing can be done with it. */
  readonly uid: string;
  /** What a page has to send besides the cookie. */
  readonly proof: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  usedAt: number;
}

export interface SessionLimits {
  readonly idleMs: number;
  readonly maxMs: number;
}

/** The sessions of people, in memory: a restart logs everybody out. */
export interface Sessions {
  /** @returns the value of the cookie, new at each login */
  start(user: string, role: Role): { readonly id: string; readonly session: LiveSession };
  /** Looks a cookie's value up without counting it as use; undefined: unknown or over. */
  find(id: string): LiveSession | undefined;
  touch(session: LiveSession): void;
  end(session: LiveSession): void;
  endAll(user: string): void;
  /** When it ends without use, and in any case. Epoch milliseconds. */
  ends(session: LiveSession): { readonly idle: number; readonly max: number };
}

const MOST_PER_USER = 20;

/** @param now epoch milliseconds */
export function createSessions({ idleMs, maxMs }: SessionLimits, now: () => number): Sessions {
  const sessions = new Map<string, LiveSession>();
  const isOver = ({ usedAt, startedAt }: LiveSession) => now() >= usedAt + idleMs || now() >= startedAt + maxMs;
  const sweep = (user: string) => {
    for (const [key, session] of sessions) if (isOver(session)) sessions.delete(key);
    const own = [...sessions].filter(([, session]) => session.user === user);
    for (const [key] of own.slice(0, Math.max(0, own.length - MOST_PER_USER + 1))) sessions.delete(key);
  };
  return {
    start(user, role) {
      sweep(user);
      const id = randomBytes(32).toString('base64url');
      const session = {
        user,
        role,
        uid: randomBytes(8).toString('hex'),
        proof: randomBytes(24).toString('base64url'),
        startedAt: now(),
        usedAt: now(),
      };
      sessions.set(digest(id), session);
      return { id, session };
    },
    find(id) {
      const session = sessions.get(digest(id));
      if (session === undefined) return undefined;
      if (!isOver(session)) return session;
      sessions.delete(digest(id));
      return undefined;
    },
    touch(session) {
      session.usedAt = now();
    },
    end(ended) {
      for (const [key, session] of sessions) if (session === ended) sessions.delete(key);
    },
    endAll(user) {
      for (const [key, session] of sessions) if (session.user === user) sessions.delete(key);
    },
    ends: ({ usedAt, startedAt }) => ({ idle: usedAt + idleMs, max: startedAt + maxMs }),
  };
}

/** What is looked up is a digest, so that the time of a look-up says nothing of the identifiers. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
