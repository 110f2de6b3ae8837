import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { backfillCommand } from './commands/backfill-command.js';
import { checkCommand } from './commands/check-command.js';
import { configCommand } from './commands/config-command.js';
import { consoleCommand } from './commands/console-command.js';
import { deadLettersCommand } from './commands/dead-letters-command.js';
import { demoCommand } from './commands/demo-command.js';
import { inventoryCommand } from './commands/inventory-command.js';
import { investigateCommand } from './commands/investigate-command.js';
import { keyCommand } from './commands/key-command.js';
import { mapCommand } from './commands/map-command.js';
import { queryCommand } from './commands/query-command.js';
import { reconcileCommand } from './commands/reconcile-command.js';
import { remapCommand } from './commands/remap-command.js';
import { reportCommand } from './commands/report-command.js';
import { respondCommand } from './commands/respond-command.js';
import { runCommand } from './commands/run-command.js';
import { simulateCommand } from './commands/simulate-command.js';
import { stateCommand } from './commands/state-command.js';
import { tablesCommand } from './commands/tables-command.js';
import { usageFault } from './commands/usage-error.js';
import { layOutNoHelp } from './commands/verb.js';
import { webhookCommand } from './commands/webhook-command.js';
import { asCollectorError, exitCodes } from './errors.js';
import { printFatal } from './log/fatal-line.js';
import { errorFields } from './log/format.js';
import { mapStack } from './log/map-stack.js';
import { processRedactor } from './log/redactor.js';
import { version } from './version.js';

// State, tables and dead letters hold people's activity: nobody but the owner reads them.
process.umask(0o077);

// Node.js opens its debugger on SIGUSR1: whoever reaches loopback could run code here and read the key.
process.on('SIGUSR1', () => {});

// A defect ends the program at once: what was committed is safe, and going on could deliver what nobody meant.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    // The reader of a pipe left (EPIPE): there is nobody to write for.
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') process.exit(exitCodes.done);
    const defect = `defect (${event}): ${error instanceof Error ? mapStack(error.stack) : String(error)}`;
    complain(defect, { msg: defect, code: 'INTERNAL' });
    process.exit(exitCodes.internal);
  });
}

const cli = yargs(hideBin(process.argv))
  .scriptName('jumpcloud-ocsf')
  .usage(
    '$0 <verb>\n\nCollects JumpCloud login and admin activity, normalises it to OCSF 1.8.0 and delivers it exactly once\nto Kafka or to Parquet tables. Not affiliated with JumpCloud.',
  )
  .command(runCommand)
  .command(demoCommand)
  .command(backfillCommand)
  .command(reconcileCommand)
  .command(mapCommand)
  .command(queryCommand)
  .command(reportCommand)
  .command(tablesCommand)
  .command(configCommand)
  .command(consoleCommand)
  .command(checkCommand)
  .command(inventoryCommand)
  .command(respondCommand)
  .command(keyCommand)
  .command(stateCommand)
  .command(deadLettersCommand)
  .command(remapCommand)
  .command(webhookCommand)
  .command(investigateCommand)
  .command(simulateCommand)
  .demandCommand(1, 'Name a verb.')
  .strict()
  .recommendCommands()
  .version(version)
  .alias('help', 'h')
  .wrap(Math.min(110, process.stdout.columns || 110))
  .epilogue(
    'Exit codes: 0 done, 2 usage, 65 data, 69 JumpCloud unavailable, 70 internal, 73 lane in use, 74 state or sink,\n75 try again, 77 credential, 78 configuration, 79 reconcile found a difference or\ninventory holds removals.',
  )
  .exitProcess(false)
  .fail((message, error, self) => {
    if (error && !message) throw error;
    const line = hideBin(process.argv);
    if (line.length === 0) self.showHelp((help) => process.stderr.write(`${help}\n\n`));
    const fault = usageFault(message, line);
    complain(fault, { msg: fault, code: 'USAGE' });
    // At once: yargs would go on to run the verb that it has just refused.
    process.exit(exitCodes.usage);
  });

/** The failure that ends the program, for people and as what a log line holds. */
function complain(text: string, line: Parameters<typeof printFatal>[3]): void {
  const flags = hideBin(process.argv).join(' ');
  const isJsonAsked = /(?:^| )--log-format[= ]json(?: |$)/.test(flags) || process.env.LOG_FORMAT === 'json';
  printFatal(processRedactor, isJsonAsked ? 'json' : 'text', text, line);
}

layOutNoHelp(cli);

async function main(): Promise<void> {
  try {
    await cli.parseAsync();
  } catch (error) {
    const failure = asCollectorError(error);
    process.exitCode = failure.exitCode;
    // ABORTED: stopped on request, or the reader of the result has left. Nothing went wrong.
    if (failure.code !== 'ABORTED') {
      const stack = failure.code === 'INTERNAL' && error instanceof Error ? `\n${mapStack(error.stack)}` : '';
      const text = `${failure.message}\n  → ${failure.cure}${stack}`;
      complain(text, { msg: failure.message, ...errorFields(failure) });
    }
  }
}

export const ended = main();
