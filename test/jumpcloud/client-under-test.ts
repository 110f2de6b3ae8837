import { onTestFinished } from 'vitest';
import { type Client, type ClientOptions, createClient } from '../../collector/jumpcloud/client.js';
import type { ClientObserver } from '../../collector/jumpcloud/http/observer.js';
import type { Page, Search } from '../../collector/jumpcloud/insights/source.js';
import { type FakeTiming, fakeTiming } from './fake-timing.js';

export const apiPath = '/insights/directory/v1';
export const adminKey = 'jca_0123456789abcdefghijklmnopqrstuvwxyzAAAA';
/** 2026-11-01T00:00:00Z and an hour later. */
export const search: Search = { services: ['directory', 'sso'], start: 1793491200, end: 1793494800 };

/** Everything the client told, in order. */
export type Told = { readonly [Name in keyof ClientObserver]-?: Parameters<NonNullable<ClientObserver[Name]>>[0][] };

export interface UnderTest {
  readonly client: Client;
  readonly timing: FakeTiming;
  readonly told: Told;
}

export function recordingObserver(): { observer: Required<ClientObserver>; told: Told } {
  const told: Told = {
    onRequest: [],
    onRetry: [],
    onHeaderUsed: [],
    onKeyRefused: [],
    onKeyChanged: [],
    onKeyUntidy: [],
    onKeyUnreadable: [],
    onSkew: [],
    onPageTooLarge: [],
  };
  const observer = Object.fromEntries(
    Object.entries(told).map(([name, list]) => [name, (event: unknown) => (list as unknown[]).push(event)]),
  ) as unknown as Required<ClientObserver>;
  return { observer, told };
}

/** A client for a server of the test, with a clock that only the test moves. */
export function clientFor(origin: string, options: Partial<ClientOptions> = {}): UnderTest {
  const timing = fakeTiming();
  const { observer, told } = recordingObserver();
  const client = createClient({
    baseUrl: `${origin}${apiPath}`,
    secret: { value: adminKey, where: 'JUMPCLOUD_API_KEY' },
    authorization: 'x-api-key',
    env: {},
    timing,
    observer,
    ...options,
  });
  onTestFinished(() => client.close());
  return { client, timing, told };
}

export async function collect(client: Client, asked: Search = search, signal?: AbortSignal): Promise<Page[]> {
  const pages: Page[] = [];
  for await (const page of client.pages(asked, signal)) pages.push(page);
  return pages;
}

export function ids(pages: readonly Page[]): unknown[] {
  return pages.flatMap((page) => page.records.map(({ value }) => (value as { id?: unknown } | null)?.id));
}

/** Records with ids `from`, `from + 1`, … */
export function numbered(count: number, from = 0): { id: string }[] {
  return Array.from({ length: count }, (_, index) => ({ id: String(from + index) }));
}
