import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { feedOf, tenant } from '../cli/command.js';

const states = fileURLToPath(new URL('states/', import.meta.url));
/** Where the tenant listened when the states were written: a position is bound to its base URL. */
const STORED_URL = 'http://127.0.0.1:8484/insights/directory/v1';
const ORGANIZATION = '5f1e00000000000000000058';

/** The backfill that the states hold half of. */
export const storedBackfill = ['backfill', '--from', '2026-09-15', '--to', '2026-09-18'];

/** How a command ends that meets them. */
export const refused = {
  code: 74,
  stderr: expect.stringMatching(/of an earlier version[\s\S]*new directory[\s\S]*new topic prefix[\s\S]*backfill/),
};

/** The files of a directory but for locks, each with the SHA-256 of its content. */
export function filesIn(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /\.(?:json|bak|seen|parquet|ndjson)$/.test(name) && statSync(join(directory, name)).isFile(),
  );
  const hashOf = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(directory, name)))
      .digest('hex');
  return Object.fromEntries(names.sort().map((name) => [name, hashOf(name)]));
}

/** The text lines of a stored file. */
export function storedLines(name: string): string[] {
  return gunzipSync(readFileSync(join(states, name)))
    .toString()
    .split('\n')
    .filter((line) => line !== '');
}

/** The tenant that the states are of, at the end of its history. */
export async function tenantOfHistory(): Promise<Tenant> {
  const now = Date.parse('2026-09-20T12:00:00Z');
  const opened = await tenant({ organization: ORGANIZATION, records: 0, now: () => now });
  for (const line of storedLines('history.ndjson.gz')) {
    const { text, ...when } = JSON.parse(line) as { text: string; service: string; at: number; visibleAt: number };
    opened.add(text, when);
  }
  return opened;
}

/** The environment of the feed that wrote the states, for the tenant of today. */
export function storedFeed(simulated: Tenant, more: Readonly<Record<string, string>>): Record<string, string> {
  return feedOf(simulated, { FEED_NAME: 'acme', POLL_START: '2026-09-18T00:00:00Z', POLL_PAGE_SIZE: '40', ...more });
}

/** The same text, bound to the tenant of today. */
export function rebound(text: string, { baseUrl }: Pick<Tenant, 'baseUrl'>): string {
  return text.replaceAll(STORED_URL, baseUrl);
}

/** Copies a stored directory, its state files bound to the tenant of today. */
export function copyState(name: string, to: string, simulated: Tenant): void {
  cpSync(join(states, name), to, { recursive: true });
  for (const path of readdirSync(to, { recursive: true, encoding: 'utf8' }))
    if (/\.(?:json|bak)$/.test(path)) rebindStateFile(join(to, path), simulated);
}

/** A state file holds its state and that one's SHA-256. */
function rebindStateFile(path: string, simulated: Tenant): void {
  const text = rebound(readFileSync(path, 'utf8'), simulated);
  const state = text.slice(text.indexOf('"state":') + '"state":'.length, text.lastIndexOf('}'));
  const sha256 = createHash('sha256').update(state).digest('hex');
  writeFileSync(path, text.replace(/"sha256":"[0-9a-f]{64}"/, `"sha256":"${sha256}"`));
}
