import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { redactedText } from '../../fixtures/tenant/control.js';
import type { Comparison } from '../../fixtures/tenant/ledger.js';
import { startTenant, type Tenant, type TenantOptions } from '../../fixtures/tenant/tenant.js';
import { rowsOf } from '../sinks/tables/read-tables.js';

/** The command as `npm ci` builds it. */
export const cli = fileURLToPath(new URL('../../dist/collector/cli.js', import.meta.url));

/** Each class and day that has a record is a Parquet file of its own: few of both where a test is about neither. */
const SPAN_MS = 12 * 3_600_000;

/** How a child ended and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when stderr holds the text; rejects where the child ends first. */
  said(text: string | RegExp): Promise<void>;
  /** Resolves when it holds; rejects where the child ends first. */
  until(holds: () => boolean): Promise<void>;
}

export interface StartOptions {
  /** The whole environment besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** All of stdin; absent: empty. */
  readonly input?: string | Buffer;
  /** Another program than the command. */
  readonly program?: readonly string[];
  /** For Node itself, before the command. */
  readonly nodeFlags?: readonly string[];
}

/** A folder of the test's own, removed after it. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'cli-'));
  // A process of a process that was killed ends a moment later, and writes until then: `rmSync` never looks again for
  // what came meanwhile.
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 10 }));
  return path;
}

/** Starts the command; it is killed where the test ends before it. */
export function start(args: readonly string[], options: StartOptions = {}): Running {
  const [program, ...before] = options.program ?? [process.execPath, ...(options.nodeFlags ?? []), cli];
  const cwd = options.cwd ?? folder();
  const child = spawn(program!, [...before, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const said = { out: [] as Buffer[], err: '' };
  let over = false;
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', (chunk: Buffer) => said.out.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said.err += chunk;
    tell();
  });
  // A child that ends before it has read all of its input closes the pipe.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const stdout = () => Buffer.concat(said.out).toString('utf8');
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      over = true;
      tell();
      resolve({ code, signal, stdout: stdout(), stderr: said.err });
    });
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    ended,
    stdout,
    stderr: () => said.err,
    async until(holds) {
      while (!holds()) {
        if (over) throw new Error(`It ended too early:\n${said.err}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (typeof text === 'string' ? said.err.includes(text) : text.test(said.err)) resolve();
          else if (over) reject(new Error(`It ended without saying ${text}:\n${said.err}`));
          else return;
          listeners.delete(look);
        };
        listeners.add(look);
        look();
      }),
  };
}

/** Where a run says that it answers. */
export async function addressOf(running: Running): Promise<string> {
  await running.said(/status on http:\/\/127\.0\.0\.1:\d+/);
  return /status on (http:\/\/127\.0\.0\.1:\d+)/.exec(running.stderr())![1]!;
}

/** Asks until the answer has this status. */
export async function until(url: string, status: number): Promise<string> {
  for (let tries = 0; tries < 2_000; tries += 1) {
    const answer = await fetch(url);
    const text = await answer.text();
    if (answer.status === status) return text;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} never answered ${status}`);
}

/** Runs the command to its end. */
export function command(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return start(args, options).ended;
}

/** Records of one class, for tests of how many there are. */
export const logins = { only: ['directory/user_login_attempt'] } as const;

/** A tenant in this process with half a day of records, closed after the test. */
export async function tenant(options: TenantOptions = {}): Promise<Tenant> {
  const opened = await startTenant({ seed: 23, records: 120, from: Date.now() - SPAN_MS, ...options });
  onTestFinished(() => opened.close());
  return opened;
}

/** The environment of a feed that collects everything of a tenant into tables below the working directory. */
export function feedOf(
  { baseUrl, apiKey }: Pick<Tenant, 'baseUrl' | 'apiKey'>,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    JUMPCLOUD_BASE_URL: baseUrl,
    JUMPCLOUD_API_KEY: apiKey,
    JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
    POLL_START: '3d',
    POLL_REQUESTS_PER_SECOND: '1000',
    TABLES_DIRECTORY: 'tables',
    HTTP_ENABLED: 'false',
    ...more,
  };
}

/** Everything that a directory of tables holds, against the tenant's ledger. */
export async function compareTables(directory: string, { ledger }: Pick<Tenant, 'ledger'>): Promise<Comparison> {
  // Events of the collector's own (a key that ends soon) are of no record.
  const sql = 'SELECT raw_data FROM events WHERE raw_data IS NOT NULL UNION ALL SELECT raw FROM dead_letters';
  const texts = (await rowsOf(directory, sql)).map(([text]) => String(text));
  return ledger.compare(texts, { kept: redactedText, examples: 3 });
}

/** The lines of a text that are JSON. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
