#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import yargs, { type Argv } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { usageFault } from './commands/usage-error.js';
import { configFileFlag, flagOptions } from './config/flags.js';
import { asCollectorError, exitCodes } from './errors.js';
import { printableLines } from './log/printable.js';
import { processRedactor } from './log/redactor.js';
import { LIVE_LANE } from './position/lane-name.js';
import { version } from './version.js';

// V8 lets its heap grow to several times what is alive before it collects; a collector lives for years beside others in
// a small container. Measured over 60,000 records into tables: peak resident memory 213 MiB with these two, 338 without.
setFlagsFromString('--heap-growing-percent=10');
setFlagsFromString('--semi-space-growth-factor=1');

// State, tables and dead letters hold people's activity: nobody but the owner reads them.
process.umask(0o077);

// Node.js opens its debugger on SIGUSR1: whoever reaches loopback could run code here and read the key.
process.on('SIGUSR1', () => {});

// A defect ends the program at once: what was committed is safe, and going on could deliver what nobody meant.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    // The reader of a pipe left (EPIPE): there is nobody to write for.
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') process.exit(exitCodes.done);
    complain(`defect (${event}): ${error instanceof Error ? error.stack : String(error)}`);
    process.exit(exitCodes.internal);
  });
}

const configured = (command: Argv) => command.options(flagOptions());
/** With the keys of `query`, by their short names too. */
const limited = (command: Argv): Argv => {
  const own = Object.entries(flagOptions()).flatMap(([flag, option]) => {
    if (flag === configFileFlag) return [[flag, option]];
    return flag.startsWith('query-') ? [[flag, { ...option, alias: flag.slice('query-'.length) }]] : [];
  });
  return command.options(Object.fromEntries(own));
};
const range = (command: Argv) =>
  command
    .option('from', { type: 'string', demandOption: true, describe: 'First instant (RFC 3339, or a date)' })
    .option('to', { type: 'string', demandOption: true, describe: 'End, not included (RFC 3339, or a date)' });
const letterOptions = <T>(command: Argv<T>) =>
  command.options({
    reason: { type: 'string', describe: 'Only those of this reason' },
    from: { type: 'string', describe: 'First instant of the records (RFC 3339, or a date)' },
    to: { type: 'string', describe: 'End, not included' },
    feed: { type: 'string', describe: 'Of several feeds, this one' },
  });

const cli = yargs(hideBin(process.argv))
  .scriptName('jumpcloud-ocsf')
  .usage(
    '$0 <verb>\n\nCollects JumpCloud login and admin activity, normalises it to OCSF 1.8.0 and delivers it exactly once\nto Kafka or to Parquet tables. Not affiliated with JumpCloud.',
  )
  .command(
    'run',
    'Collect for ever: poll, normalise, deliver',
    (command) =>
      configured(command)
        .option('once', { type: 'boolean', default: false, describe: 'Stop with exit code 0 once caught up' })
        .example('JUMPCLOUD_API_KEY_FILE=key.txt $0 run', 'the live feed into ./data/tables')
        .example('SINK=stdout POLL_START=24h $0 run --once', 'the last day as NDJSON on stdout'),
    async (argv) => finish((await import('./commands/run.js')).run(argv, { once: argv.once })),
  )
  .command(
    'demo',
    'The main job on a simulated tenant: collect, store, query',
    (command) =>
      command
        .option('records', { type: 'number', default: 12_000, describe: 'Records the simulated tenant holds' })
        .option('directory', {
          type: 'string',
          default: './data/demo',
          describe: 'Made anew; must be absent or a demo',
        }),
    async (argv) => finish((await import('./commands/demo.js')).demo(argv)),
  )
  .command(
    'backfill',
    'Collect past days into a lane of their own, beside a running feed; repeat the command to resume',
    (command) =>
      range(configured(command))
        .option('event-types', {
          type: 'string',
          requiresArg: true,
          describe: 'Only these, of login, admin and other, for this backfill alone [default: jumpcloud.eventTypes]',
        })
        .option('dry-run', {
          type: 'boolean',
          default: false,
          describe: 'Say what would be read, and how much, and stop',
        })
        .example('$0 backfill --from 2026-09-01 --to 2026-11-01', 'two months; the same line again resumes them')
        .example('$0 backfill --from 2026-09-01 --to 2026-11-01 --event-types login', 'their logins alone'),
    async (argv) => finish((await import('./commands/backfill.js')).backfill(argv)),
  )
  .command(
    'reconcile',
    "What was delivered against JumpCloud's own count, per service and hour; exit 79 where records are missing",
    (command) =>
      range(configured(command))
        .option('repair', {
          type: 'boolean',
          default: false,
          describe: 'Deliver what is missing, in the lane that owns it; a running feed is asked to (http.*)',
        })
        .option('json', { type: 'boolean', default: false, describe: 'One JSON line an hour and service' }),
    async (argv) => finish((await import('./commands/reconcile.js')).reconcile(argv)),
  )
  .command(
    'map',
    'Records (NDJSON) on stdin to OCSF events on stdout, in order; no network, no state; exit 65 on dead letters',
    (command) =>
      command
        .option('dead-letters', { type: 'string', describe: 'Write what could not be mapped to this file (NDJSON)' })
        .option('raw-data', { type: 'boolean', default: true, describe: 'Carry the record in raw_data' })
        .example('$0 map < records.ndjson > events.ndjson', 'try the mapping on exported records'),
    async (argv) => finish((await import('./commands/map.js')).map(argv)),
  )
  .command(
    'query <sql>',
    'SQL (DuckDB) over the tables: a view a class, and events, admin_activity, dead_letters, raw_records',
    (command) =>
      limited(command)
        .positional('sql', {
          type: 'string',
          demandOption: true,
          describe: 'One SELECT statement; - reads it from stdin',
        })
        .option('tables-directory', {
          type: 'string',
          requiresArg: true,
          describe: 'Default: TABLES_DIRECTORY, else ./data/tables',
        })
        .option('skip-damaged', {
          type: 'boolean',
          default: false,
          describe: 'Answer without the files that cannot be read, and name them on stderr',
        })
        .option('format', {
          choices: ['table', 'json', 'csv', 'csv-safe'] as const,
          default: 'table' as const,
          requiresArg: true,
        })
        .example(
          '$0 query "SELECT user_name, sum(coalesce(count, 1)) FROM authentication WHERE outcome = \'Failure\' GROUP BY 1 ORDER BY 2 DESC"',
          'who failed to log in most often',
        ),
    async (argv) => {
      // yargs gives a lone dash as an empty text.
      const sql = hideBin(process.argv).includes('-') ? '-' : argv.sql;
      return finish((await import('./commands/query.js')).query({ ...argv, sql }));
    },
  )
  .command('config', 'The configuration: what is in force, and what can be set', (command) =>
    command
      .command(
        'print',
        'In force now, with where each value comes from; secrets are left out',
        configured,
        async (argv) => finish((await import('./commands/config.js')).printConfig(argv)),
      )
      .command('schema', 'JSON Schema of every key, for editors and consoles', {}, async () =>
        finish((await import('./commands/config.js')).printSchema()),
      )
      .demandCommand(1, 'Name print or schema.'),
  )
  .command(
    'check',
    'Configuration, credential, licence, key life, clock, sink: one line a finding with its cure, the gravest first',
    (command) =>
      configured(command)
        .options({
          json: { type: 'boolean', default: false, describe: 'Findings as JSON' },
          report: { type: 'string', describe: 'Write a redacted report for others to this file (mode 0600)' },
        })
        .example('$0 check --json', 'for scripts: exit code and code of each finding tell the causes apart'),
    async (argv) => finish((await import('./commands/check.js')).check(argv)),
  )
  .command(
    'key',
    'Which key each feed uses, how long it lives and how that is known; replace it without a restart',
    (command) =>
      configured(command)
        .options({
          json: { type: 'boolean', default: false, describe: 'As JSON' },
          feed: { type: 'string', describe: 'Of several feeds, this one' },
        })
        .command(
          'replace',
          'A new key from standard input into the key file, once JumpCloud took it for this organization',
          (replace) =>
            replace
              .option('from-file', { type: 'string', describe: 'Read the new key from this file' })
              .example('$0 key replace < new-key.txt', 'the running collector takes it up within seconds'),
          async (argv) => finish((await import('./commands/key.js')).replaceKey(argv)),
        ),
    async (argv) => finish((await import('./commands/key.js')).showKeys(argv)),
  )
  .command('state', 'Where every lane stands, and how to move one', (command) =>
    command
      .command(
        'show',
        'Position, counts, organization and keys of every lane; no secrets',
        (show) =>
          configured(show).options({
            json: { type: 'boolean', default: false, describe: 'As JSON' },
            feed: { type: 'string', describe: 'Of several feeds, this one' },
          }),
        async (argv) => finish((await import('./commands/state.js')).showState(argv)),
      )
      .command(
        'set',
        'Move a lane that nobody runs to another position',
        (set) =>
          configured(set).options({
            lane: { type: 'string', default: LIVE_LANE, describe: 'Which lane' },
            settled: { type: 'string', demandOption: true, describe: 'RFC 3339: the next search starts here' },
            yes: { type: 'boolean', default: false, describe: 'Do not ask' },
            feed: { type: 'string', describe: 'Of several feeds, this one' },
          }),
        async (argv) => finish((await import('./commands/state.js')).setState(argv)),
      )
      .demandCommand(1, 'Name show or set.'),
  )
  .command('dead-letters', 'Records that could not become a valid event: list them, map them again', (command) =>
    command
      .command(
        'list',
        'Reason, type, time, id and message of those that were not replayed',
        (list) =>
          letterOptions(configured(list)).option('json', {
            type: 'boolean',
            default: false,
            describe: 'Whole, as NDJSON',
          }),
        async (argv) => finish((await import('./commands/dead-letters.js')).listDeadLetters(argv)),
      )
      .command(
        'replay',
        "Map them again with today's mapping and deliver what has become valid, once, under the same uid",
        (replay) =>
          letterOptions(configured(replay)).option('dry-run', {
            type: 'boolean',
            default: false,
            describe: 'Say what would become of them, and stop',
          }),
        async (argv) => finish((await import('./commands/dead-letters.js')).replayDeadLetters(argv)),
      )
      .demandCommand(1, 'Name list or replay.'),
  )
  .command(
    'remap',
    "Tables: rebuild the events of a range from their records with today's mapping; their uids stay",
    (command) =>
      range(configured(command)).options({
        'dry-run': { type: 'boolean', default: false, describe: 'Show the difference by type, and stop' },
        yes: { type: 'boolean', default: false, describe: 'Do not ask' },
        feed: { type: 'string', describe: 'Of several feeds, this one' },
      }),
    async (argv) => finish((await import('./commands/remap.js')).remap(argv)),
  )
  .command(
    'simulate',
    'The simulated tenant alone, on loopback, for trying things',
    (command) =>
      command
        .option('port', { type: 'number', default: 8484, describe: '0: any free port' })
        .option('records', { type: 'number', default: 100_000, describe: 'Records from seven days ago until tomorrow' })
        .option('seed', { type: 'number', default: 1, describe: 'The same seed makes the same organisation' }),
    async (argv) => finish((await import('./commands/simulate.js')).simulate(argv)),
  )
  .demandCommand(1, 'Name a verb.')
  .strict()
  .recommendCommands()
  .version(version)
  .alias('help', 'h')
  .wrap(Math.min(110, process.stdout.columns || 110))
  .epilogue(
    'Exit codes: 0 done, 2 usage, 65 data, 69 JumpCloud unavailable, 70 internal, 73 lane in use, 74 state or sink,\n75 try again, 77 credential, 78 configuration, 79 reconcile found a difference.',
  )
  .exitProcess(false)
  .fail((message, error, self) => {
    if (error && !message) throw error;
    const line = hideBin(process.argv);
    if (line.length === 0) self.showHelp((help) => process.stderr.write(`${help}\n\n`));
    complain(usageFault(message, line));
    // At once: yargs would go on to run the verb that it has just refused.
    process.exit(exitCodes.usage);
  });

/** What ends the program is told on stderr: without secrets, and with nothing of a record that steers a terminal. */
function complain(text: string): void {
  process.stderr.write(`${printableLines(processRedactor.mask(text))}\n`);
}

/** Waits for a verb and leaves its exit code; a failure is told in two lines, cause and cure. */
async function finish(work: Promise<number>): Promise<void> {
  try {
    process.exitCode = await work;
  } catch (error) {
    const failure = asCollectorError(error);
    process.exitCode = failure.exitCode;
    // Stopped on request, or the reader of the result has left: nothing went wrong.
    if (failure.code === 'ABORTED') return;
    complain(`${failure.message}\n  → ${failure.cure}`);
    if (failure.code === 'INTERNAL' && error instanceof Error) complain(String(error.stack));
  }
}

await cli.parseAsync();
