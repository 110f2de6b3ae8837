/**
 * Merges a day of many events with much raw data, in a process of its own and within the memory of a running collector's:
 * its peak (VmHWM), its time, and what the files became. Prints one JSON line.
 *
 *     npm run bench:merge -- [--events 1000000] [--raw 4096]
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type MaintenanceReport, maintainTables } from '../../collector/sinks/tables/maintain-tables.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { readTables } from '../../collector/sinks/tables/tables-snapshot.js';
import { noSizes, sampleBatch, sampleEvent } from '../contract/sample-batch.js';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    raw: { type: 'string', default: '4096' },
    directory: { type: 'string' },
  },
});
const PER_COMMIT = 1500;
const DAY = 86_400_000;
const day = Date.UTC(2026, 10, 1);

interface Merged {
  readonly report: MaintenanceReport;
  readonly peakMiB: number;
}

/** Half of the raw data is like no other. */
async function write(directory: string, events: number): Promise<void> {
  const sink = createTablesSink({ directory, feed: 'acme', maintainEveryMs: Number.POSITIVE_INFINITY });
  const lane = sink.lane('live');
  await lane.open();
  for (let first = 0; first < events; first += PER_COMMIT) {
    const batch = sampleBatch('live', first / PER_COMMIT, noSizes);
    const rows = Array.from({ length: Math.min(PER_COMMIT, events - first) }, (_, index) => {
      const number = first + index;
      const event = sampleEvent(number, day + Math.floor((number * (DAY - 1)) / events));
      const raw = randomBytes(Number(values.raw) / 4).toString('hex');
      return { ...event, text: `${event.text.slice(0, -1)},"raw_data":"${raw}${'x'.repeat(raw.length)}"}` };
    });
    await lane.commit({ ...batch, events: rows });
  }
  await sink.close();
}

async function merge(directory: string): Promise<Merged> {
  const report = await maintainTables({
    directory,
    limits: { memoryLimit: '96MB', threads: 1 },
    clock: { now: () => Date.now() + DAY },
    parts: { vacuum: false },
  });
  const [, peak] = /VmHWM:\s+(\d+)/.exec(await readFile('/proc/self/status', 'utf8')) ?? [];
  return { report, peakMiB: Math.round(Number(peak) / 1024) };
}

async function mergeInProcess(directory: string): Promise<Merged> {
  const flags = ['--heap-growing-percent=10', '--semi-space-growth-factor=1'];
  const child = spawn(process.execPath, [...flags, fileURLToPath(import.meta.url), '--directory', directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { DUCKDB_JE_MALLOC_CONF: 'dirty_decay_ms:0,muzzy_decay_ms:0', ...process.env },
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  return JSON.parse(text);
}

const secondsSince = (started: number) => Math.round((performance.now() - started) / 1000);

if (values.directory !== undefined) process.stdout.write(JSON.stringify(await merge(values.directory)));
else {
  const directory = await mkdtemp(join(tmpdir(), 'bench-merge-'));
  try {
    const events = Number(values.events);
    let started = performance.now();
    await write(directory, events);
    const writingSeconds = secondsSince(started);
    started = performance.now();
    const { report, peakMiB } = await mergeInProcess(directory);
    const files = (await readTables(directory)).get('authentication')?.files ?? [];
    process.stdout.write(
      `${JSON.stringify({
        bench: 'merge',
        events,
        rows: files.reduce((sum, { rows }) => sum + rows, 0),
        writingSeconds,
        mergingSeconds: secondsSince(started),
        peakMiB,
        files: files.length,
        mib: Math.round(files.reduce((sum, { bytes }) => sum + bytes, 0) / 1024 / 1024),
        mergedFiles: report.mergedFiles,
        failures: report.failures,
      })}\n`,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
