import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTables } from '../../collector/query/open-tables.js';
import type { AlertNotice } from '../../fixtures/tenant/alerts/state.js';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { noticeUid } from '../../mappings/alerts/finding.js';

const cli = fileURLToPath(new URL('../../collector/cli.js', import.meta.url)).replace(
  /(?<!dist\/)collector\/cli\.js$/,
  'dist/collector/cli.js',
);

export const SECRET = 'the-secret-of-the-channel-in-tests';

/** The built command, collecting a tenant and taking its webhooks. */
export interface Collector {
  readonly child: ChildProcess;
  readonly url: string;
  /** Resolves once webhooks are taken. */
  readonly ready: Promise<void>;
  readonly ended: Promise<unknown>;
  readonly stderr: () => string;
  /** Resident memory in MiB, from the kernel; undefined once it has ended. */
  residentMiB(): number | undefined;
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts `run` over a directory that holds its state and tables. */
export function startCollector(
  { baseUrl, apiKey, organization }: Pick<Tenant, 'baseUrl' | 'apiKey' | 'organization'>,
  directory: string,
  port: number,
  more: Readonly<Record<string, string>> = {},
): Collector {
  const child = spawn(process.execPath, [cli, 'run'], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      HOME: directory,
      FEED_NAME: 'acme',
      JUMPCLOUD_BASE_URL: baseUrl,
      JUMPCLOUD_API_KEY: apiKey,
      JUMPCLOUD_ORG_ID: organization,
      JUMPCLOUD_AUTHORIZATION: 'x-api-key',
      POLL_START: '1h',
      HTTP_ENABLED: 'false',
      TABLES_DIRECTORY: join(directory, 'tables'),
      STATE_DIRECTORY: join(directory, 'state'),
      WEBHOOK_ENABLED: 'true',
      WEBHOOK_SECRET: SECRET,
      RECEIVER_PORT: String(port),
      ...more,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  const ended = once(child, 'close');
  const url = `http://127.0.0.1:${port}/webhook/jumpcloud/acme`;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const answers = async (): Promise<void> => {
    for (let tries = 0; tries < 600; tries += 1) {
      // Without a secret: 401 once the listener and the feed are there.
      const answer = await fetch(url, { method: 'POST', body: '{}' }).catch(() => undefined);
      if (answer?.status === 401) return;
      if (child.exitCode !== null) throw new Error(`it ended:\n${stderr}`);
      await new Promise((resume) => setTimeout(resume, 50));
    }
    throw new Error(`it takes no webhooks:\n${stderr}`);
  };
  let ready: Promise<void> | undefined;
  return {
    ...{ child, url, ended },
    get ready() {
      ready ??= answers();
      return ready;
    },
    stderr: () => stderr,
    residentMiB() {
      try {
        const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
        return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
      } catch {
        return undefined;
      }
    },
  };
}

/** The uid that a notice's finding has. */
export function uidOf({ alert, organization, status, occurrence }: AlertNotice): string {
  const bare = status.replace('ALERT_STATUS_', '');
  return noticeUid(organization, { alertId: alert.objectId, status: bare, occurrence });
}

/** uids of the findings of webhooks in the tables, one for each row. */
export async function deliveredUids(directory: string): Promise<string[]> {
  const tables = await openTables(join(directory, 'tables'));
  try {
    const { rows } = await tables.query(
      "SELECT metadata.uid FROM detection_finding WHERE metadata.log_name = 'alerts' AND metadata.event_code = 'alert'",
    );
    const uids: string[] = [];
    for await (const [uid] of rows) uids.push(String(uid));
    return uids;
  } finally {
    await tables.close();
  }
}

/** What a set of deliveries lacks, has beyond, and has twice. */
export function compareSets(expected: Iterable<string>, found: readonly string[]) {
  const wanted = new Set(expected);
  const had = new Set(found);
  return {
    missing: [...wanted].filter((uid) => !had.has(uid)).length,
    beyond: [...had].filter((uid) => !wanted.has(uid)).length,
    twice: found.length - had.size,
  };
}
