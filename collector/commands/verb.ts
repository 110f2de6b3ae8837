import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';

/**
 * A verb as yargs takes it: its options together with its action. The action imports what it needs when it runs, so that
 * `--help` loads no library.
 * @param action returns the exit code
 */
export function verb<T>(
  command: string,
  describe: string,
  builder: (command: Argv) => Argv<T>,
  action: (argv: ArgumentsCamelCase<T>) => Promise<number>,
): CommandModule {
  const module: CommandModule<object, T> = {
    command,
    describe,
    builder: (argv) => builder(argv),
    handler: async (argv) => {
      process.exitCode = await action(argv);
    },
  };
  // What an action takes is settled here; to yargs all verbs are alike.
  return module as CommandModule;
}

/** A verb that only groups others, of which one must be named. */
export function verbGroup(command: string, describe: string, verbs: readonly CommandModule[]): CommandModule {
  const names = verbs.map((one) => one.command).join(' or ');
  const builder = (argv: Argv) => argv.command([...verbs]).demandCommand(1, `Name ${names}.`);
  return { command, describe, builder, handler: () => undefined };
}

/** What yargs' types leave out. */
interface YargsInternals {
  getInternalMethods(): { getUsageInstance(): { cacheHelpMessage: () => void } };
}

/**
 * yargs lays out the help of each verb that it runs, for a `getHelp()` that nobody calls: with an option per key, this takes
 * longer than to load what `run` needs.
 */
export function layOutNoHelp(argv: Argv): void {
  (argv as unknown as YargsInternals).getInternalMethods().getUsageInstance().cacheHelpMessage = () => {};
}
