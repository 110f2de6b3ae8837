import { type Key, keys } from './keys.js';
import { fromText } from './parse-text.js';
import type { Problem, Setting, Settings } from './setting.js';

/** An option as yargs takes it. */
export interface FlagOption {
  readonly type: 'string';
  readonly group: string;
  readonly describe: string;
  readonly hidden?: boolean;
  readonly requiresArg?: boolean;
}

/** Flags by name without the dashes: what yargs parsed. */
export type Flags = Readonly<Record<string, unknown>>;

/** Names the configuration file. */
export const configFileFlag = 'config';

/** One option a key for yargs' `.options()`, grouped by section. Secrets are among them, hidden, to be refused with the reason. */
export function flagOptions(): Record<string, FlagOption> {
  const config: FlagOption = {
    type: 'string',
    group: 'Configuration:',
    describe: 'YAML file of the configuration (environment: CONFIG_FILE)',
    requiresArg: true,
  };
  return { [configFileFlag]: config, ...Object.fromEntries(keys.map((key) => [key.flag, option(key)])) };
}

function option(key: Key): FlagOption {
  const preset = key.schema.default;
  const shown = preset === undefined ? '' : ` [default: ${Array.isArray(preset) ? preset.join(',') : preset}]`;
  return {
    // yargs reads any text but `true` behind a boolean option as false; as text, a slip is refused like in a file.
    type: 'string',
    group: key.segments.length === 1 ? 'Feed:' : `${key.segments[0]}:`,
    describe: `${key.schema.description ?? key.path} (${key.expected})${shown}`,
    ...(key.secret ? { hidden: true } : {}),
    ...(key.form === 'boolean' ? {} : { requiresArg: true }),
  };
}

/** Reads the flags of the configuration out of what yargs parsed; other flags are left alone. */
export function readFlags(flags: Flags): { settings: Settings; problems: readonly Problem[] } {
  const settings = new Map<string, Setting>();
  const problems: Problem[] = [];
  for (const key of keys) {
    const given = flags[key.flag];
    if (given === undefined) continue;
    const where = `--${key.flag}`;
    const texts = (Array.isArray(given) ? given : [given]).map((one) => toText(key, one));
    if (key.secret)
      problems.push({
        where,
        message: `secrets have no flag, since every user of the machine can read it: set ${key.fileEnv} or ${key.env}`,
      });
    else if (texts.length > 1 && key.form !== 'list') problems.push({ where, message: 'is given more than once' });
    else settings.set(key.path, { key, value: fromText(key, texts.join(',')), origin: { kind: 'flag', name: where } });
  }
  return { settings, problems };
}

/** A yes-or-no flag without a value means yes; `--no-…` arrives as false. */
function toText(key: Key, given: unknown): string {
  return key.form === 'boolean' && given === '' ? 'true' : String(given);
}
