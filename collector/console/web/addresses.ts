import type { Verb } from '../../response/verbs.js';

/** A segment of an address, of any text: halves of surrogate pairs, which an address cannot hold, become U+FFFD. */
export const segment = (text: string): string => encodeURIComponent(text.toWellFormed());

/** The page of a feed, or one of its tabs. */
export const feedAddress = (name: string, tab = ''): string => `/feeds/${segment(name)}${tab === '' ? '' : `/${tab}`}`;

/** The page of a finding of a feed. */
export const findingAddress = (feed: string, finding: string): string =>
  `${feedAddress(feed, 'findings')}/${segment(finding)}`;

/** The page of an account or an entitlement of a feed. */
export const entryAddress = (feed: string, kind: string, id: string): string =>
  `${feedAddress(feed, 'directory')}/${segment(kind)}/${segment(id)}`;

/** The history of response. */
export const RESPONSE = '/response';

/** The form of a new action, filled in with what is known. `user` and `group` take an id or a name. */
export const newActionAddress = (
  feed: string,
  known: { readonly verb?: Verb; readonly user?: string; readonly group?: string } = {},
): string => `${RESPONSE}/new?${new URLSearchParams({ feed, ...known })}`;

/** One action. */
export const actionAddress = (feed: string, id: string): string => `${RESPONSE}/${segment(feed)}/${segment(id)}`;
