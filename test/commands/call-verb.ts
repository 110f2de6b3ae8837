import yargs, { type CommandModule } from 'yargs';
import { backfillCommand } from '../../collector/commands/backfill-command.js';
import { checkCommand } from '../../collector/commands/check-command.js';
import { inventoryCommand } from '../../collector/commands/inventory-command.js';
import { reconcileCommand } from '../../collector/commands/reconcile-command.js';
import { respondCommand } from '../../collector/commands/respond-command.js';
import { runCommand } from '../../collector/commands/run-command.js';
import { tablesCommand } from '../../collector/commands/tables-command.js';
import { layOutNoHelp } from '../../collector/commands/verb.js';
import { asCollectorError } from '../../collector/errors.js';
import { printFatal } from '../../collector/log/fatal-line.js';
import { errorFields } from '../../collector/log/format.js';
import { processRedactor } from '../../collector/log/redactor.js';
import type { Ended } from '../cli/command.js';
import { tellIn } from './collecting.js';

const verbs: readonly CommandModule[] = [
  backfillCommand,
  checkCommand,
  inventoryCommand,
  reconcileCommand,
  respondCommand,
  runCommand,
  tablesCommand,
];

let isBusy = false;

/**
 * Does in this process what the command does in one of its own, which costs a third of a second to start: one call at a
 * time. Signals, standard input and faults of usage need the command.
 */
export async function callVerb(
  args: readonly string[],
  { env = {}, cwd }: { readonly env?: Readonly<Record<string, string>>; readonly cwd: string },
): Promise<Pick<Ended, 'code' | 'stdout' | 'stderr'>> {
  if (isBusy) throw new Error('environment and folder are those of another call');
  isBusy = true;
  const { exitCode } = process;
  try {
    const { code, out, err } = await tellIn({ env, cwd }, () => ended(args));
    return { code, stdout: out, stderr: err };
  } finally {
    process.exitCode = exitCode;
    isBusy = false;
  }
}

/** The exit code of a command line, whose failure is printed as the command prints it. */
async function ended(args: readonly string[]): Promise<number> {
  process.exitCode = undefined;
  try {
    const line = yargs([...args]);
    layOutNoHelp(line);
    await line
      .command([...verbs])
      .strict()
      .exitProcess(false)
      .fail((message, error) => {
        throw error ?? new Error(message);
      })
      .parseAsync();
    return Number(process.exitCode ?? 0);
  } catch (error) {
    const failure = asCollectorError(error);
    const text = `${failure.message}\n  → ${failure.cure}`;
    if (failure.code !== 'ABORTED')
      printFatal(processRedactor, 'text', text, { msg: failure.message, ...errorFields(failure) });
    return failure.exitCode;
  }
}
