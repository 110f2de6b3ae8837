import type { Flags } from '../config/flags.js';
import { annotatedSchema } from '../config/keys.js';
import { describeConfig } from '../config/print.js';
import { exportFeeds } from '../console/feeds/export-feeds.js';
import { CollectorError, exitCodes } from '../errors.js';

import { readConfig, readConfigWithInvalid } from './load.js';

/** `config print`: the configuration in force, each value with where it comes from, secrets left out. */
export async function printConfig(flags: Flags): Promise<number> {
  const config = readConfig(flags);
  for (const note of config.notes) process.stderr.write(`${note}\n`);
  process.stdout.write(describeConfig(config));
  return exitCodes.done;
}

/** `config export`: the feeds of all files as one configuration for a run without console; secrets as files to provide. */
export async function exportConfig(flags: Flags & { feed?: string | undefined }): Promise<number> {
  const { configured, invalid } = readConfigWithInvalid(flags);
  const feeds = [
    ...configured.map((feed) => ({ name: feed.config.name, configured: feed })),
    ...invalid.map(({ name }) => ({ name, configured: null })),
  ];
  const text = exportFeeds(feeds, flags.feed);
  if (text === undefined)
    throw new CollectorError('USAGE', `There is no feed ${flags.feed}.`, { cure: 'See config print.' });
  process.stdout.write(text);
  return exitCodes.done;
}

/** `config schema`: JSON Schema of the configuration with titles, help, defaults and a mark on secrets. */
export async function printSchema(): Promise<number> {
  process.stdout.write(`${JSON.stringify(annotatedSchema(), null, 2)}\n`);
  return exitCodes.done;
}
