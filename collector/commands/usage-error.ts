import { nearest } from '../config/did-you-mean.js';
import { flagOptions } from '../config/flags.js';
import { looksLikeKey, processRedactor } from '../log/redactor.js';

/** Flags of the verbs that take no configuration. */
const ownFlags: Readonly<Record<string, readonly string[]>> = {
  demo: ['records', 'directory'],
  map: ['dead-letters', 'raw-data'],
  query: ['tables-directory', 'format'],
  simulate: ['port', 'records', 'seed'],
};

/**
 * The message for a mistake on the command line: what is wrong, the likely intent, where to read on.
 * @param message yargs' own sentence
 * @param line the command line without the program
 */
export function usageFault(message: string, line: readonly string[]): string {
  return masked(describeFault(message, line));
}

/** A key on the command line is in the wrong place, and would go on into a journal. */
function masked(text: string): string {
  return processRedactor.mask(text.replace(/[A-Za-z0-9+/=_-]+/g, (word) => (looksLikeKey(word) ? '[secret]' : word)));
}

function describeFault(message: string, line: readonly string[]): string {
  const words = line.filter((word) => !word.startsWith('-'));
  // A verb of two words (`config print`) is known by its first one: its help lists the second.
  const see = `See jumpcloud-ocsf ${[...words.slice(0, 1), '--help'].join(' ')}`;
  const isQuery = words[0] === 'query';
  if (message.startsWith('Did you mean')) {
    return `Unknown verb: ${words.at(-1)}\n  → ${message} See jumpcloud-ocsf ${[...words.slice(0, -1), '--help'].join(' ')}`;
  }
  const unknown = /^Unknown arguments?: (.+)$/.exec(message)?.[1]?.split(', ');
  // yargs names a flag of several words twice, as written and in camel case.
  const flags = unknown?.filter((name) =>
    line.some((word) => word.replace(/^--?/, '').split('=')[0] === name && word.startsWith('-')),
  );
  if (isQuery && unknown !== undefined && flags?.length === 0)
    return `query takes one statement, and more words were given: ${unknown.join(' ')}\n  → Put the whole statement in quotes. ${see}`;
  if (flags === undefined || flags.length === 0) return `${message}\n  → ${see}`;
  const meant = nearest(flags[0]!, ownFlags[words[0] ?? ''] ?? Object.keys(flagOptions()));
  const names = flags.map((name) => `--${name}`).join(', ');
  return `Unknown flag${flags.length > 1 ? 's' : ''}: ${names}\n  → ${meant === undefined ? '' : `Did you mean --${meant}? `}${see}`;
}
