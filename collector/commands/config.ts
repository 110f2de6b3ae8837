import type { Flags } from '../config/flags.js';
import { annotatedSchema } from '../config/keys.js';
import { describeConfig } from '../config/print.js';
import { exitCodes } from '../errors.js';
import { readConfig } from './load.js';

/** `config print`: the configuration in force, each value with where it comes from, secrets left out. */
export async function printConfig(flags: Flags): Promise<number> {
  const config = readConfig(flags);
  for (const note of config.notes) process.stderr.write(`${note}\n`);
  process.stdout.write(describeConfig(config));
  return exitCodes.done;
}

/** `config schema`: JSON Schema of the configuration with titles, help, defaults and a mark on secrets. */
export async function printSchema(): Promise<number> {
  process.stdout.write(`${JSON.stringify(annotatedSchema(), null, 2)}\n`);
  return exitCodes.done;
}
