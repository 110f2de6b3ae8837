/*
 * Who is logged in. The cookie alone opens nothing: each request carries the proof, which the tabs of this origin alone
 * hold. They share one cookie, so they share the proof too: else a login in one would end the others.
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
  if (session.proof !== undefined) {
    sessionStorage.setItem(KEY, session.proof);
    tabs.postMessage({ proof: session.proof });
  }
  const { proof: _, ...known } = session;
  become({ kind: 'in', session: known, ended: false });
}

export function loggedOut(): void {
  forgetProof();
  become({ kind: 'out' });
}

/** Ends the session of all tabs. */
export function loggedOutHere(): void {
  tabs.postMessage({ isOut: true });
  loggedOut();
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

/** Whether what needs this role can be changed here: by the one who is logged in, and by a console that manages. */
export function useManages(role: Role = 'admin'): boolean {
  const now = useSession();
  return useMay(role) && now.kind === 'in' && now.session.manage;
}

/** Messages between tabs. A channel reaches its own origin alone, the port included. */
interface Told {
  readonly asks?: true;
  readonly proof?: string;
  readonly isOut?: true;
}

const tabs = new BroadcastChannel('console.session');
let onProof: () => void = () => undefined;

tabs.onmessage = ({ data }: MessageEvent<Told>) => {
  if (data.isOut) loggedOut();
  else if (data.proof !== undefined && data.proof !== proof()) {
    sessionStorage.setItem(KEY, data.proof);
    onProof();
  } else if (data.asks && state.kind === 'in' && !state.ended) tabs.postMessage({ proof: proof() });
};

/**
 * Asks the other tabs for the proof.
 * @param arrived called now and whenever one comes: this tab is to ask who it is then
 */
export function takeProofFromTabs(arrived: () => void): void {
  onProof = arrived;
  tabs.postMessage({ asks: true });
}
