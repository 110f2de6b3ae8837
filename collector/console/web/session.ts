/*
 * Who is logged in. The cookie alone opens nothing: each request carries the proof, which this tab alone holds.
 */
import { useEffect, useState } from 'preact/hooks';
import type { Role, Session } from '../answers.js';

const KEY = 'console.proof';
const RANK: readonly Role[] = ['viewer', 'analyst', 'operator', 'admin'];

export type SessionState =
  /** Not asked yet. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'out' }
  /** `ended`: the page stays, the login comes over it. */
  | { readonly kind: 'in'; readonly session: Session; readonly ended: boolean };

let state: SessionState = { kind: 'unknown' };
const listeners = new Set<() => void>();

function become(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}

export function useSession(): SessionState {
  const [seen, setSeen] = useState(state);
  useEffect(() => {
    const look = () => setSeen(state);
    listeners.add(look);
    look();
    return () => {
      listeners.delete(look);
    };
  }, []);
  return seen;
}

export function proof(): string | undefined {
  return sessionStorage.getItem(KEY) ?? undefined;
}

export function forgetProof(): void {
  sessionStorage.removeItem(KEY);
}

export function loggedIn(session: Session): void {
  if (session.proof !== undefined) sessionStorage.setItem(KEY, session.proof);
  const { proof: _, ...known } = session;
  become({ kind: 'in', session: known, ended: false });
}

export function loggedOut(): void {
  forgetProof();
  become({ kind: 'out' });
}

/** A request was refused for want of a session. */
export function sessionEnded(): void {
  if (state.kind === 'in') become({ ...state, ended: true });
  else become({ kind: 'out' });
}

/** Whether the one who is logged in may do what needs this role. */
export function useMay(role: Role): boolean {
  const now = useSession();
  return now.kind === 'in' && RANK.indexOf(now.session.role) >= RANK.indexOf(role);
}

/** Whether feeds can be changed here: an administrator, and a console that manages. */
export function useManages(): boolean {
  const now = useSession();
  return useMay('admin') && now.kind === 'in' && now.session.manage;
}
