import type { Argv } from 'yargs';
import { configFileFlag, flagOptions } from '../config/flags.js';

/** The keys of the configuration as options. */
export const withConfiguration = (command: Argv): Argv => command.options(flagOptions());

/** The configuration file and the keys of `query`, by their short names too. */
export function withQueryLimits(command: Argv): Argv {
  const own = Object.entries(flagOptions()).flatMap(([flag, option]) => {
    if (flag === configFileFlag) return [[flag, option]];
    return flag.startsWith('query-') ? [[flag, { ...option, alias: flag.slice('query-'.length) }]] : [];
  });
  return command.options(Object.fromEntries(own));
}

export const rangeOptions = {
  from: { type: 'string', demandOption: true, describe: 'First instant (RFC 3339, or a date)' },
  to: { type: 'string', demandOption: true, describe: 'End, exclusive (RFC 3339, or a date)' },
} as const;

/** Records of a simulated tenant at most. */
export const MOST_RECORDS = 10_000_000;

/** A whole number within bounds; what is none is a mistake of usage. */
export const wholeNumber = (flag: string, least: number, most: number) =>
  ({
    type: 'number',
    requiresArg: true,
    coerce(given: number) {
      if (Number.isInteger(given) && given >= least && given <= most) return given;
      throw new Error(`--${flag} must be a whole number from ${least} to ${most}`);
    },
  }) as const;

export const feedOption = {
  feed: { type: 'string', describe: 'Name of the feed, where there are several' },
} as const;

export const jsonOption = { json: { type: 'boolean', default: false, describe: 'Print JSON' } } as const;

export const yesOption = { yes: { type: 'boolean', default: false, describe: 'Do not ask for confirmation' } } as const;
