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
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { quoteText } from '../../collector/sinks/tables/columns.js';
import { addOf, type DataFile } from '../../collector/sinks/tables/data-file.js';
import { commitInfo } from '../../collector/sinks/tables/delta/actions.js';
import { Engine } from '../../collector/sinks/tables/engine.js';
import { fileName, filePrefix } from '../../collector/sinks/tables/layout.js';
import { type MaintenanceReport, maintainTables } from '../../collector/sinks/tables/maintain-tables.js';
import { describeParquet } from '../../collector/sinks/tables/parquet.js';
import { TablesLogs } from '../../collector/sinks/tables/tables-logs.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { readTables } from '../../collector/sinks/tables/tables-snapshot.js';
import { scanOf } from '../../collector/sinks/tables/views.js';
import { noSizes, sampleBatch, sampleEvent } from '../contract/sample-batch.js';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    raw: { type: 'string', default: '4096' },
    directory: { type: 'string' },
  },
});
const PER_COMMIT = 1500;
const rawBytes = Number(values.raw);
const DAY = 86_400_000;
const day = Date.UTC(2026, 10, 1);

interface Merged {
  readonly report: MaintenanceReport;
  readonly peakMiB: number;
}

/**
 * A first commit as a feed makes it, and a file for each of the others, which DuckDB makes of the first: the lane would take
 * ten minutes. Half of the raw data is like no other.
 */
async function write(directory: string, events: number): Promise<void> {
  const sink = createTablesSink({ directory, feed: 'acme', maintainEveryMs: Number.POSITIVE_INFINITY });
  const lane = sink.lane('live');
  await lane.open();
  const timeOf = (number: number) => day + Math.floor((number * (DAY - 1)) / events);
  const first = Array.from({ length: Math.min(PER_COMMIT, events) }, (_, number) => {
    const event = sampleEvent(number, timeOf(number));
    const raw = randomBytes(rawBytes / 4).toString('hex');
    return { ...event, text: `${event.text.slice(0, -1)},"raw_data":"${raw}${'x'.repeat(raw.length)}"}` };
  });
  await lane.commit({ ...sampleBatch('live', 0, noSizes), events: first });
  await sink.close();
  const ofFirst = (await readTables(directory)).get('authentication')?.files ?? [];
  const [model] = ofFirst;
  if (model === undefined) throw new Error('the first commit made no file');
  const engine = Engine.unshared({ memoryLimit: '1GB', threads: 2 });
  const made: DataFile[] = [];
  for (let from = PER_COMMIT; from < events; from += PER_COMMIT) {
    const file = `${dirname(model.file)}/${fileName(filePrefix('acme', 'live'), 1 + from / PER_COMMIT, 0)}`;
    const path = join(directory, file);
    const uid = `md5(metadata.uid || '/${from}')`;
    const random = `array_to_string([md5(metadata.uid || '/${from}/' || part) FOR part IN range(${rawBytes / 64})], '')`;
    const time = `"time" + ${timeOf(from) - day}`;
    await engine.run(
      `COPY (SELECT * REPLACE (${time} AS "time", make_timestamptz((${time}) * 1000) AS time_dt,
         struct_update(metadata, uid := ${uid}) AS metadata, ${random} || repeat('x', ${rawBytes / 2}) AS raw_data)
       FROM ${scanOf(ofFirst)} LIMIT ${events - from})
       TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd, WRITE_BLOOM_FILTER false, ROW_GROUP_SIZE 2048)`,
    );
    const { schema } = model;
    made.push({ file, ...(await describeParquet(engine, path)), ...(schema && { schema }), lanes: model.lanes });
  }
  await engine.close();
  const log = TablesLogs.of(directory).log('authentication');
  await log.change(() => [commitInfo('WRITE', day), ...made.map((file) => ({ add: addOf(file, true) }))]);
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
